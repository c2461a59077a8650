#include "appliance/console/session_routes.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "appliance/console/form.h"
#include "appliance/console/second_factor.h"
#include "appliance/console/verb_table.h"
#include "appliance/sign_in/wrong_answers.h"
#include "keystore/fault.h"

namespace chancery::console {

namespace {

using nlohmann::json;

constexpr std::size_t small_body = 16 * 1024;

std::string to_text(const json& document) { return document.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string set_cookie(const std::string& value, bool is_end) {
  return std::string(cookie_name) + "=" + value + "; Path=/; Secure; HttpOnly; SameSite=Strict" +
         (is_end ? "; Max-Age=0" : "");
}

http::Answer nothing_more() {
  http::Answer answer = http::Answer::json("{}");
  answer.headers["Set-Cookie"] = set_cookie("", true);
  return answer;
}

json to_json(const Token& token) {
  return {{"id", token.id},
          {"name", token.name},
          {"scopes", token.scopes},
          {"created", to_rfc3339(token.created)},
          {"expires", to_rfc3339(token.expires)},
          {"used", token.used ? json(to_rfc3339(*token.used)) : json()}};
}

std::int64_t seconds_since(SteadyTime when) {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - when).count();
}

}  // namespace

void SessionRoutes::add_for_browsers(http::Routes& routes, const char* method, const char* path, Handler handler) {
  routes.add(
      method, path,
      [this, handler](const http::Call& call) {
        Callers::Verdict verdict = callers_.judge(call);
        if (verdict.refusal) return *verdict.refusal;
        if (verdict.asker.kind != Asker::Kind::browser) {
          return http::Answer::problem(403, "not-allowed", "Only a browser that is signed in may ask this", "");
        }
        return (this->*handler)(call, *verdict.asker.session);
      },
      small_body);
}

void SessionRoutes::add_to(http::Routes& routes) {
  routes.add(
      "POST", "/api/v1/session", [this](const http::Call& call) { return sign_in(call); }, small_body);
  add_for_browsers(routes, "GET", "/api/v1/session", &SessionRoutes::show);
  add_for_browsers(routes, "DELETE", "/api/v1/session", &SessionRoutes::sign_out);
  add_for_browsers(routes, "GET", "/api/v1/sessions", &SessionRoutes::list);
  add_for_browsers(routes, "DELETE", "/api/v1/sessions", &SessionRoutes::sign_out_everywhere);
  add_for_browsers(routes, "POST", "/api/v1/second-factor", &SessionRoutes::begin_factor);
  add_for_browsers(routes, "PUT", "/api/v1/second-factor", &SessionRoutes::confirm_factor);
  add_for_browsers(routes, "DELETE", "/api/v1/second-factor", &SessionRoutes::remove_factor);
  add_for_browsers(routes, "GET", "/api/v1/tokens", &SessionRoutes::list_tokens);
  add_for_browsers(routes, "POST", "/api/v1/tokens", &SessionRoutes::make_token);
  add_for_browsers(routes, "DELETE", "/api/v1/tokens/*", &SessionRoutes::remove_token);
  add_for_browsers(routes, "GET", "/api/v1/events", &SessionRoutes::listen);
}

std::string SessionRoutes::session_json(const Session& session) {
  return to_text(
      {{"person", session.person},
       {"csrf", session.csrf},
       {"idle_minutes", sessions_.idle().count()},
       {"second_factor", access_.has_factor()},
       {"appliance",
        {{"name", appliance_.name}, {"role", chancery::to_text(appliance_.role)}, {"names", appliance_.all_names()}}},
       {"version", CHANCERY_VERSION}});
}

http::Answer SessionRoutes::sign_in(const http::Call& call) {
  const Form form = form_of(call);
  const std::string address = address_without_port(call.connection.peer_address());
  const Credential credential{.user = form.text("user"), .password = secret_copy(form.secret("password"))};
  const std::string code = form.text("code");
  bool needs_code = false;
  const auto second = [&] {
    if (access_.passes(code)) return true;
    needs_code = code.empty();
    return false;
  };
  if (auto refusal = administrator_.refusal(credential, address, second)) {
    if (needs_code) {
      return http::Answer::problem(401, "code-required", "The code of the second factor is needed",
                                   "Give the six digits that your authenticator app shows.");
    }
    refusal->headers.erase("WWW-Authenticate");
    return *refusal;
  }
  // Whatever cookie came along is none of this session's (session fixation), and what it was good for ends.
  sessions_.end(cookie_of(call));
  const Sessions::Begun begun = sessions_.begin(administrator_name, address);
  http::Answer answer = http::Answer::json(session_json(begun.session));
  answer.headers["Set-Cookie"] = set_cookie(begun.cookie, false);
  return answer;
}

http::Answer SessionRoutes::show(const http::Call&, const Session& session) {
  return http::Answer::json(session_json(session));
}

http::Answer SessionRoutes::sign_out(const http::Call& call, const Session&) {
  sessions_.end(cookie_of(call));
  return nothing_more();
}

http::Answer SessionRoutes::sign_out_everywhere(const http::Call&, const Session&) {
  sessions_.end_all();
  return nothing_more();
}

http::Answer SessionRoutes::list(const http::Call&, const Session& session) {
  json all = json::array();
  for (const Session& each : sessions_.list()) {
    all.push_back({{"id", each.id},
                   {"person", each.person},
                   {"address", each.address},
                   {"begun_seconds_ago", seconds_since(each.begun)},
                   {"used_seconds_ago", seconds_since(each.used)},
                   {"this", each.id == session.id}});
  }
  return http::Answer::json(to_text({{"sessions", std::move(all)}}));
}

http::Answer SessionRoutes::begin_factor(const http::Call&, const Session& session) {
  SecretBytes secret = new_factor_secret();
  const std::string text = factor_text(secret);
  {
    const std::lock_guard lock(mutex_);
    if (offered_.size() > 64) offered_.clear();
    offered_[session.id] = std::move(secret);
  }
  const std::string uri = "otpauth://totp/Chancery:" + appliance_.name + "?secret=" + text + "&issuer=Chancery";
  return http::Answer::json(to_text({{"secret", text}, {"uri", uri}}));
}

http::Answer SessionRoutes::confirm_factor(const http::Call& call, const Session& session) {
  const Form form = form_of(call);
  SecretBytes secret;
  {
    const std::lock_guard lock(mutex_);
    const auto found = offered_.find(session.id);
    if (found == offered_.end()) {
      return http::Answer::problem(409, "no-second-factor", "There is no second factor to confirm",
                                   "Begin anew to get a secret for the authenticator app.");
    }
    secret = found->second;
  }
  access_.set_factor(secret, form.text("code"));
  const std::lock_guard lock(mutex_);
  offered_.erase(session.id);
  return http::Answer::json(R"({"second_factor":true})");
}

http::Answer SessionRoutes::remove_factor(const http::Call& call, const Session&) {
  const Form form = form_of(call);
  const Credential again{.user = administrator_name, .password = secret_copy(form.secret("password"))};
  if (auto refusal = administrator_.refusal(again, address_without_port(call.connection.peer_address()))) {
    refusal->headers.erase("WWW-Authenticate");
    refusal->status = refusal->status == 401 ? 403 : refusal->status;
    return *refusal;
  }
  access_.remove_factor();
  return http::Answer::json(R"({"second_factor":false})");
}

http::Answer SessionRoutes::list_tokens(const http::Call&, const Session&) {
  json all = json::array();
  for (const Token& token : access_.tokens()) all.push_back(to_json(token));
  return http::Answer::json(to_text({{"tokens", std::move(all)}, {"scopes", scopes()}}));
}

http::Answer SessionRoutes::make_token(const http::Call& call, const Session&) {
  const json document = json::parse(call.body, nullptr, /*allow_exceptions=*/false);
  const auto bad = [](const char* what) {
    return http::Answer::problem(400, "bad-argument", what, R"(Send {"name","scopes":[…],"days"}.)");
  };
  if (!document.is_object() || !document.contains("name") || !document["name"].is_string()) {
    return bad("A token needs a name");
  }
  std::set<std::string> wanted;
  for (const json& scope : document.value("scopes", json::array())) {
    const auto known = scopes();
    if (!scope.is_string() || std::ranges::find(known, scope.get<std::string>()) == known.end()) {
      return bad("There is no such scope");
    }
    wanted.insert(scope.get<std::string>());
  }
  const json days = document.value("days", json(90));
  if (!days.is_number_integer() || days < 1 || days > 825) return bad("The days are not between 1 and 825");
  const AccessFile::Made made = access_.make_token(document["name"].get<std::string>(), wanted, days.get<int>());
  json reply = to_json(made.token);
  reply["token"] = made.text;
  return http::Answer::json(to_text(reply), 201);
}

http::Answer SessionRoutes::remove_token(const http::Call& call, const Session&) {
  access_.remove_token(call.path.substr(std::string_view("/api/v1/tokens/").size()));
  return http::Answer::json("{}");
}

http::Answer SessionRoutes::listen(const http::Call& call, const Session&) {
  return events_.answer(
      call, [this, cookie = cookie_of(call)] { return sessions_.find(cookie, /*touch=*/false).has_value(); });
}

}  // namespace chancery::console
