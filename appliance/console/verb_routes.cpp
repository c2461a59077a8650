#include "appliance/console/verb_routes.h"

#include <nlohmann/json.hpp>

#include "appliance/console/form.h"
#include "appliance/sign_in/wrong_answers.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"

namespace chancery::console {

namespace {

using nlohmann::json;

constexpr std::string_view base = "/api/v1";
constexpr std::size_t body_limit = 8 * 1024 * 1024;
constexpr std::chrono::seconds reading{30};
constexpr std::chrono::minutes changing{3};

std::vector<std::string_view> segments(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash
    const std::size_t end = std::min(path.find('/'), path.size());
    parts.push_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return parts;
}

bool fits(std::string_view pattern, std::string_view path, std::map<std::string, std::string>& parameters) {
  const auto wanted = segments(pattern);
  const auto given = segments(path);
  if (wanted.size() != given.size()) return false;
  for (std::size_t at = 0; at < wanted.size(); ++at) {
    if (!wanted[at].starts_with('{')) {
      if (wanted[at] != given[at]) return false;
    } else {
      if (given[at].empty()) return false;
      parameters[std::string(wanted[at].substr(1, wanted[at].size() - 2))] = given[at];
    }
  }
  return true;
}

std::string to_text(const json& document) { return document.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string text_in(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

http::Answer problem_with(json members, int status, const std::string& code, const std::string& title,
                          const std::string& detail) {
  members.erase("error");
  members.update({{"type", "about:blank"}, {"status", status}, {"code", code}, {"title", title}, {"detail", detail}});
  http::Answer answer = http::Answer::json(to_text(members), status);
  answer.content_type = "application/problem+json";
  return answer;
}

// The first error's own words: what a person has to know first.
http::Answer refused(json reply) {
  std::string title = "The change was refused, and the old state is in force";
  std::string detail = "The report says why.";
  if (const auto report = reply.find("report"); report != reply.end() && report->is_object()) {
    for (const json& finding : report->value("findings", json::array())) {
      if (finding.value("severity", "") != "error") continue;
      title = finding.value("message", title);
      detail = finding.value("hint", detail);
      break;
    }
  }
  return problem_with(std::move(reply), 422, "refused", title, detail);
}

http::Answer failed(json reply) {
  const json error = reply["error"];
  const std::string code = text_in(error, "code");
  if (!text_in(error, "subject").empty()) reply["subject"] = text_in(error, "subject");
  reply["needs_person"] = error.value("needs_person", false);
  const int status = code == "refused" ? 422 : http::status_of(code);
  return problem_with(std::move(reply), status, code, text_in(error, "message"), text_in(error, "hint"));
}

}  // namespace

Match match(std::string_view method, std::string_view path) {
  Match found;
  for (const VerbRoute& route : verb_table()) {
    std::map<std::string, std::string> parameters;
    if (!fits(route.path, path, parameters)) continue;
    found.path_known = true;
    if (route.method != method && !(method == "HEAD" && route.method == "GET")) continue;
    found.route = &route;
    found.parameters = std::move(parameters);
    break;
  }
  return found;
}

http::Answer answer_of(const VerbRoute& route, const control::Message& reply) {
  json document = json::parse(reply.json, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) {
    return http::Answer::problem(502, "bad-reply", "chancery-manager answered something that is no JSON object",
                                 "Check that both programs are of the same version (--version).");
  }
  if (const auto error = document.find("error"); error != document.end() && error->is_object()) {
    return failed(std::move(document));
  }
  if (text_in(document, "outcome") == "refused") return refused(std::move(document));
  if (route.reply == Reply::text) {
    http::Answer answer = http::Answer::json(text_in(document, "text"));
    answer.content_type = "text/plain; version=0.0.4; charset=utf-8";
    return answer;
  }
  if (reply.attachments.empty() || route.reply == Reply::json) return http::Answer::json(to_text(document));
  const std::string_view attached = text_of(view_of(reply.attachments.front()));
  if (route.reply == Reply::secret_text) {
    document["token"] = attached;
    return http::Answer::json(to_text(document));
  }
  http::Answer answer = http::Answer::json(std::string(attached));
  answer.content_type = "application/octet-stream";
  answer.headers["Content-Disposition"] = "attachment; filename=\"" + std::string(route.file_name) + "\"";
  return answer;
}

http::Answer VerbRoutes::ask(const VerbRoute& route, const std::map<std::string, std::string>& path,
                             const std::map<std::string, std::string>& query, const Form& form,
                             const std::string& address, const std::string& person) {
  const bool is_reading = route.method == "GET";
  if (route.needs_password) {
    const Credential again{.user = administrator_name, .password = secret_copy(form.secret("password"))};
    if (auto refusal = administrator_.refusal(again, address)) {
      refusal->headers.erase("WWW-Authenticate");
      if (refusal->status == 401) refusal->status = 403;  // signed in, all the same
      return *refusal;
    }
  }
  std::vector<SecretBytes> attachments;
  const json arguments = arguments_for(route, path, query, is_reading ? nullptr : &form, attachments);
  const auto patience = is_reading ? std::chrono::milliseconds(reading) : std::chrono::milliseconds(changing);
  return answer_of(route, manager_.ask(std::string(route.verb), arguments, std::move(attachments), person, patience));
}

http::Answer VerbRoutes::answer(const http::Call& call) {
  Callers::Verdict verdict = callers_.judge(call);
  if (verdict.refusal) return *verdict.refusal;
  const Match found = match(call.method, std::string_view(call.path).substr(base.size()));
  if (found.route == nullptr) {
    return found.path_known ? http::Answer::problem(405, "bad-request", "This address does not take " + call.method, "")
                            : http::Answer::problem(404, "unknown-path", "There is nothing at this address",
                                                    "/api/v1/openapi.json lists what there is.");
  }
  if (!verdict.asker.may(found.route->scope)) {
    return http::Answer::problem(403, "not-allowed", "This token may not do that",
                                 "It needs the scope \"" + std::string(found.route->scope) + "\".");
  }
  const std::string& person = verdict.asker.person;
  const std::string key = header_of(call, "idempotency-key");
  const std::string address = address_without_port(call.connection.peer_address());
  const Form form = form_of(call);
  const auto ask_now = [&] { return ask(*found.route, found.parameters, call.query, form, address, person); };
  // What is handed out once, or is large, is not kept.
  const bool is_kept = !key.empty() && found.route->method != "GET" && found.route->reply == Reply::json;
  if (!is_kept) return ask_now();
  std::string whole = call.method + " " + call.path + "\n";
  for (const auto& [name, value] : call.query) whole += std::to_string(value.size()) + ":" + name + "=" + value + "\n";
  const Sha256 said = form.digest();
  whole += to_hex(ByteView(said.data(), said.size()));
  if (auto known = idempotency_.begin(person, key, sha256(view_of(whole)))) return *known;
  try {
    http::Answer answer = ask_now();
    idempotency_.finish(person, key, answer);
    return answer;
  } catch (...) {
    idempotency_.abandon(person, key);
    throw;
  }
}

void VerbRoutes::add_to(http::Routes& routes) {
  for (const char* method : {"GET", "POST", "PUT", "DELETE"}) {
    routes.add(
        method, "/api/v1/*", [this](const http::Call& call) { return answer(call); }, body_limit);
  }
}

}  // namespace chancery::console
