// Signing in and out, the second factor, tokens: through the API, as the web server asks it.
#include <gmock/gmock.h>

#include "tests/console/api.h"

namespace chancery::console {
namespace {

using namespace std::chrono_literals;

class SignedIn : public Api {
 protected:
  int status(const Client& client) { return get(client, "/api/v1/session").status; }
};

TEST_F(SignedIn, ByACookieThatNoScriptAndNoOtherSiteSees) {
  Client ada;
  const http::Answer answer = sign_in(ada);
  const std::string cookie = answer.headers.at("Set-Cookie");
  EXPECT_EQ(ada.cookie + "; Path=/; Secure; HttpOnly; SameSite=Strict", cookie);
  EXPECT_EQ(std::string::npos, answer.body.find(ada.cookie.substr(ada.cookie.find('=') + 1)));
  const auto session = json_of(get(ada, "/api/v1/session"));
  EXPECT_EQ("administrator", session.at("person"));
  EXPECT_EQ(ada.csrf, session.at("csrf"));
  EXPECT_EQ(false, session.at("second_factor"));
  EXPECT_EQ("console.test", session.at("appliance").at("name"));
}

TEST_F(SignedIn, UnderNoCookieThatTheBrowserBrought) {
  Client planted{.cookie = std::string(cookie_name) + "=" + std::string(43, 'A'),
                 .csrf = "",
                 .authorization = "",
                 .address = "192.0.2.1"};
  const Client before = planted;
  EXPECT_EQ(200, sign_in(planted).status);
  EXPECT_NE(before.cookie, planted.cookie);
  EXPECT_EQ(401, status(before));
  const Client first = planted;
  EXPECT_EQ(200, sign_in(planted).status);
  EXPECT_EQ(200, status(planted));
  EXPECT_EQ(401, status(first)) << "signing in again ends the one that the browser had";
  Client other = planted;
  EXPECT_EQ(401, sign_in(other, "", "wrong").status);
  EXPECT_EQ(200, status(planted)) << "but not where the password was wrong";
}

TEST_F(SignedIn, AsTheAdministratorAlone) {
  for (const char* user : {"root", "Administrator", ""}) {
    const http::Answer answer =
        ask({}, form_request("POST", "/api/v1/session", {{"user", user}, {"password", password}}));
    EXPECT_EQ(401, answer.status) << user;
    EXPECT_EQ("sign-in-required", code_of(answer)) << "of a code only the administrator is told";
    EXPECT_FALSE(answer.headers.contains("Set-Cookie"));
  }
  EXPECT_EQ(
      401, ask({}, json_request("POST", "/api/v1/session", {{"user", "administrator"}, {"password", password}})).status)
      << "a password comes by a form, whose bytes are wiped";
}

TEST_F(SignedIn, UntilTheySignOut) {
  const Client ada = signed_in();
  const Client eve = signed_in("192.0.2.9");
  const http::Answer ended = ask(ada, {"DELETE", "/api/v1/session", "", {}});
  EXPECT_EQ(200, ended.status);
  EXPECT_EQ(std::string(cookie_name) + "=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0",
            ended.headers.at("Set-Cookie"));
  EXPECT_EQ(401, status(ada));
  EXPECT_EQ(200, status(eve));
  const Client third = signed_in();
  const http::Answer all = ask(eve, {"DELETE", "/api/v1/sessions", "", {}});
  EXPECT_EQ(ended.headers.at("Set-Cookie"), all.headers.at("Set-Cookie"));
  EXPECT_EQ(401, status(eve));
  EXPECT_EQ(401, status(third));
  const Client fourth = signed_in();
  restart();
  EXPECT_EQ(401, status(fourth)) << "sessions are in memory alone";
}

TEST_F(SignedIn, AreListed) {
  const Client ada = signed_in();
  now += 60s;
  const Client eve = signed_in("192.0.2.9");
  const auto sessions = json_of(get(ada, "/api/v1/sessions")).at("sessions");
  ASSERT_EQ(2U, sessions.size());
  for (const auto& session : sessions) {
    EXPECT_EQ(session.at("address") == "192.0.2.1", session.at("this"));
    EXPECT_EQ("administrator", session.at("person"));
    EXPECT_EQ(16U, session.at("id").get<std::string>().size());
  }
  EXPECT_NE(sessions[0].at("id"), sessions[1].at("id"));
  EXPECT_EQ(std::string::npos, sessions.dump().find(eve.csrf));
}

TEST_F(SignedIn, AreNotKeptAliveByAPageThatListens) {
  const Client ada = signed_in();
  const http::Answer stream = get(ada, "/api/v1/events");
  ASSERT_TRUE(stream.stream);
  now += 10min;
  EXPECT_NE(std::string::npos, stream.stream().find("event: hello"));
  now += 6min;
  EXPECT_EQ(401, status(ada)) << "to listen is no use";
  EXPECT_EQ("", stream.stream()) << "and ends with the session";
  const Client eve = signed_in();
  const http::Answer other = get(eve, "/api/v1/events");
  (void)ask(eve, {"DELETE", "/api/v1/session", "", {}});
  EXPECT_EQ("", other.stream());
}

TEST_F(SignedIn, WithACodeWhereThereIsASecondFactor) {
  const Client ada = signed_in();
  const auto offer = json_of(ask(ada, {"POST", "/api/v1/second-factor", "", {}}));
  const std::string secret = offer.at("secret");
  EXPECT_EQ("otpauth://totp/Chancery:console.test?secret=" + secret + "&issuer=Chancery", offer.at("uri"));
  Client newcomer{.cookie = "", .csrf = "", .authorization = "", .address = "192.0.2.5"};
  EXPECT_EQ(200, sign_in(newcomer).status) << "an offer alone asks nobody for a code";
  const auto confirm = [&](const Client& client, const std::string& given) {
    return ask(client, form_request("PUT", "/api/v1/second-factor", {{"code", given}}));
  };
  EXPECT_EQ("wrong-code", code_of(confirm(ada, code(secret, 5))));
  EXPECT_EQ("no-second-factor", code_of(confirm(newcomer, code(secret)))) << "of another session";
  EXPECT_EQ(200, confirm(ada, code(secret)).status);
  EXPECT_EQ("no-second-factor", code_of(confirm(ada, code(secret, 1)))) << "what was offered is confirmed once";
  EXPECT_EQ(true, json_of(get(ada, "/api/v1/session")).at("second_factor"));
  // From now on.
  const http::Answer asks = sign_in(newcomer);
  EXPECT_EQ(401, asks.status);
  EXPECT_EQ("code-required", code_of(asks));
  EXPECT_EQ("sign-in-required", code_of(sign_in(newcomer, "", "wrong"))) << "a wrong password is told nothing of codes";
  EXPECT_EQ("sign-in-required", code_of(sign_in(newcomer, code(secret)))) << "the one that confirmed it is used";
  EXPECT_EQ("sign-in-required", code_of(sign_in(newcomer, "000000x")));
  EXPECT_EQ("sign-in-required", code_of(sign_in(newcomer, code(secret, 1), "wrong")));
  const http::Answer refused = sign_in(newcomer, code(secret, 7));
  EXPECT_EQ("sign-in-required", code_of(refused));
  EXPECT_FALSE(refused.headers.contains("WWW-Authenticate"));
  const std::string good = code(secret, 1);
  EXPECT_EQ(200, sign_in(newcomer, good).status) << "it was not used up by the wrong password";
  Client again{.cookie = "", .csrf = "", .authorization = "", .address = "192.0.2.6"};
  EXPECT_EQ(401, sign_in(again, good).status) << "good once";
  restart();
  EXPECT_EQ(401, sign_in(again, good).status) << "also after another start";
  EXPECT_EQ("code-required", code_of(sign_in(again)));
}

TEST_F(SignedIn, TakeTheSecondFactorAwayByThePasswordAlone) {
  const Client ada = signed_in();
  (void)with_factor(ada);
  const auto remove = [&](const Client& client, const std::string& given) {
    return ask(client, form_request("DELETE", "/api/v1/second-factor", {{"password", given}}));
  };
  const http::Answer refused = remove(ada, "wrong");
  EXPECT_EQ(403, refused.status) << "signed in, all the same";
  EXPECT_FALSE(refused.headers.contains("WWW-Authenticate"));
  EXPECT_EQ(403, remove(ada, "").status);
  EXPECT_EQ(401, remove({}, password).status);
  EXPECT_EQ(true, json_of(get(ada, "/api/v1/session")).at("second_factor"));
  for (int at = 0; at < 8; ++at) EXPECT_EQ(403, remove(ada, "wrong").status);
  EXPECT_EQ(429, remove(ada, password).status) << "guesses count here as well";
  Client elsewhere = ada;
  elsewhere.address = "192.0.2.9";
  EXPECT_EQ(200, remove(elsewhere, password).status);
  EXPECT_EQ(false, json_of(get(ada, "/api/v1/session")).at("second_factor"));
  (void)signed_in("192.0.2.9");
  restart();
  (void)signed_in("192.0.2.9");
}

TEST_F(SignedIn, OffersOfASecondFactorAreFew) {
  const Client ada = signed_in();
  const auto offer = [&](const Client& client) {
    return json_of(ask(client, {"POST", "/api/v1/second-factor", "", {}})).at("secret").get<std::string>();
  };
  const std::string first = offer(ada);
  const std::string secret = offer(ada);
  EXPECT_NE(first, secret);
  const auto confirm = [&](const std::string& given) {
    return code_of(ask(ada, form_request("PUT", "/api/v1/second-factor", {{"code", given}})));
  };
  EXPECT_EQ("wrong-code", confirm(code(first))) << "the newest offer counts";
  for (int at = 0; at < 64; ++at) {
    now += 1s;
    (void)get(ada, "/api/v1/session");
    (void)offer(signed_in("192.0.2." + std::to_string(at)));
  }
  EXPECT_EQ("wrong-code", confirm("0"));
  (void)offer(signed_in());
  EXPECT_EQ("no-second-factor", confirm(code(secret))) << "of more than are kept it begins anew";
}

TEST_F(SignedIn, MakeTokensAndNobodySeesThemTwice) {
  const Client ada = signed_in();
  const auto make = [&](const nlohmann::json& document) {
    return ask(ada, json_request("POST", "/api/v1/tokens", document));
  };
  for (const nlohmann::json& wrong :
       std::vector<nlohmann::json>{{{"name", "x"}, {"scopes", {"everything"}}},
                                   {{"name", "x"}, {"scopes", {"read", 1}}},
                                   {{"name", "x"}},
                                   {{"name", "x"}, {"scopes", nlohmann::json::array()}},
                                   {{"name", 1}, {"scopes", {"read"}}},
                                   {{"scopes", {"read"}}},
                                   {{"name", ""}, {"scopes", {"read"}}},
                                   {{"name", "x"}, {"scopes", {"read"}}, {"days", 826}},
                                   {{"name", "x"}, {"scopes", {"read"}}, {"days", 0}},
                                   {{"name", "x"}, {"scopes", {"read"}}, {"days", 4'294'967'297}},
                                   {{"name", "x"}, {"scopes", {"read"}}, {"days", 1.5}},
                                   {{"name", "x"}, {"scopes", {"read"}}, {"days", "1"}},
                                   nlohmann::json::array(),
                                   "x"}) {
    EXPECT_EQ(400, make(wrong).status) << wrong;
  }
  EXPECT_EQ(400, ask(ada, {"POST", "/api/v1/tokens", "{", {}}).status);
  EXPECT_EQ(0U, json_of(get(ada, "/api/v1/tokens")).at("tokens").size());
  const http::Answer answer = make({{"name", "nightly"}, {"scopes", {"read", "trust"}}});
  EXPECT_EQ(201, answer.status);
  const auto made = json_of(answer);
  EXPECT_EQ(nlohmann::json({"read", "trust"}), made.at("scopes"));
  EXPECT_EQ("2026-11-22T01:00:00Z", made.at("created"));
  EXPECT_EQ("2027-02-20T01:00:00Z", made.at("expires")) << "90 days where nothing is said";
  EXPECT_EQ("2029-02-24T01:00:00Z",
            json_of(make({{"name", "long"}, {"scopes", {"read"}}, {"days", 825}})).at("expires"));
  const Client script{.cookie = "",
                      .csrf = "",
                      .authorization = "Bearer " + made.at("token").get<std::string>(),
                      .address = "192.0.2.7"};
  const auto listed = [&] {
    const http::Answer list = get(ada, "/api/v1/tokens");
    EXPECT_EQ(std::string::npos, list.body.find(made.at("token"))) << "shown once";
    EXPECT_EQ(std::string::npos, list.body.find("sha256"));
    return json_of(list).at("tokens");
  };
  EXPECT_EQ(2U, listed().size());
  EXPECT_TRUE(listed()[0].at("used").is_null());
  wall += 1h;
  EXPECT_EQ(200, get(script, "/api/v1/status").status);
  EXPECT_EQ("2026-11-22T02:00:00Z", listed()[0].at("used"));
  EXPECT_EQ("unknown-token", code_of(ask(ada, {"DELETE", "/api/v1/tokens/nightly", "", {}})));
  EXPECT_EQ(200, ask(ada, {"DELETE", "/api/v1/tokens/" + made.at("id").get<std::string>(), "", {}}).status);
  EXPECT_EQ(1U, listed().size());
  EXPECT_EQ(401, get(script, "/api/v1/status").status);
  restart();
  EXPECT_EQ(401, get(script, "/api/v1/status").status);
}

// Before anybody is known little is read.
TEST_F(SignedIn, BodiesOfTheirOwnRoutesAreSmall) {
  const Client ada = signed_in();
  for (const auto& [method, path] : std::vector<std::pair<std::string, std::string>>{
           {"POST", "session"}, {"PUT", "second-factor"}, {"DELETE", "second-factor"}, {"POST", "tokens"}}) {
    EXPECT_EQ(413, ask(ada, form_request(method, "/api/v1/" + path, {{"code", std::string(17'000, 'x')}})).status)
        << path;
  }
}

}  // namespace
}  // namespace chancery::console
