// Who asks, and what a request of others' pages cannot do: through the API, as the web server asks it.
#include <gmock/gmock.h>

#include "tests/console/api.h"
#include "tests/sign_in/basic.h"

namespace chancery::console {
namespace {

using namespace std::chrono_literals;
using testing::IsEmpty;

class Doors : public Api {
 protected:
  // Of a change that everybody who may make it gets an answer to.
  int change(const Client& client, std::map<std::string, std::string> headers = {},
             const std::string& method = "POST") {
    const char* path = method == "POST" ? "/api/v1/certificates/portal/reset" : "/api/v1/profiles/strict";
    Request request = json_request(method, path, {{"dry_run", true}});
    for (const auto& [name, value] : headers) request.headers[name] = value;
    return ask(client, request).status;
  }
  static Client script(const std::string& token) {
    return {.cookie = "", .csrf = "", .authorization = "Bearer " + token, .address = "192.0.2.7"};
  }
};

TEST_F(Doors, NeedTheTokenOfTheSessionForEveryChange) {
  const Client ada = signed_in();
  const Client eve = signed_in();
  for (const std::string method : {"POST", "PUT", "DELETE"}) {
    for (const std::string& token : {std::string(), eve.csrf, ada.csrf + "A", ada.csrf.substr(1), std::string("x")}) {
      EXPECT_EQ(403, change(ada, {{"x-csrf-token", token}}, method)) << method << token;
    }
    EXPECT_EQ(401, change({}, {}, method));
    EXPECT_EQ(401, change({}, {{"x-csrf-token", ada.csrf}}, method)) << "the token alone is nobody";
  }
  EXPECT_THAT(asked(), IsEmpty());
  EXPECT_EQ(403, ask(ada, {"DELETE", "/api/v1/session", "", {{"x-csrf-token", ""}}}).status);
  EXPECT_EQ(403, ask(ada, {"DELETE", "/api/v1/sessions", "", {{"x-csrf-token", ""}}}).status);
  EXPECT_EQ(200, get(ada, "/api/v1/session").status);
  for (const std::string method : {"POST", "PUT", "DELETE"}) {
    EXPECT_EQ(200, change(ada, {}, method)) << method << ": it was the token that was missing";
  }
  EXPECT_EQ(3U, asked().size());
}

TEST_F(Doors, AreShutToOtherSites) {
  const Client ada = signed_in();
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"sec-fetch-site", "cross-site"},
                                                        {"sec-fetch-site", "same-site"},
                                                        {"sec-fetch-site", "anything"},
                                                        {"origin", "https://evil.example"},
                                                        {"origin", "null"},
                                                        {"origin", "http://console.test"},
                                                        {"origin", "https://console.test.evil.example"},
                                                        {"origin", "https://console.tes"},
                                                        {"origin", "https://"}}) {
    EXPECT_EQ(403, change(ada, {{name, value}})) << value;
    EXPECT_EQ(403, ask(ada, {"GET", "/api/v1/status", "", {{name, value}}}).status) << value << ": reading, too";
    Request request = form_request("POST", "/api/v1/session", {{"user", "administrator"}, {"password", password}});
    request.headers[name] = value;
    EXPECT_EQ(403, ask({}, request).status) << value << ": nobody is signed in by another site";
  }
  EXPECT_THAT(asked(), IsEmpty());
  EXPECT_EQ(200, change(ada, {{"sec-fetch-site", "same-origin"}, {"origin", "https://console.test"}}));
  EXPECT_EQ(200, change(ada, {{"sec-fetch-site", "none"}}));
}

TEST_F(Doors, KnowASessionByItsWholeCookie) {
  const Client ada = signed_in();
  const std::string value = ada.cookie.substr(ada.cookie.find('=') + 1);
  for (const std::string& cookie :
       std::vector<std::string>{ada.cookie, "theme=dark; " + ada.cookie, "a=b;" + ada.cookie + "; x=y",
                                "a=b;\t" + ada.cookie, ada.cookie + ";" + cookie_name + "=other"}) {
    EXPECT_EQ(200, ask(ada, {"GET", "/api/v1/session", "", {{"cookie", cookie}}}).status) << cookie;
  }
  for (const std::string& cookie : std::vector<std::string>{
           value, "chancery=" + value, "x__Host-chancery=" + value, "__Host-chancery" + value,
           "x=\"" + ada.cookie + "\"", ada.cookie + "A", ada.cookie.substr(0, ada.cookie.size() - 1),
           ada.cookie + "A; x=y", "; ;;", ";", "=", std::string(cookie_name) + "=", "__host-chancery=" + value}) {
    EXPECT_EQ(401, ask(ada, {"GET", "/api/v1/session", "", {{"cookie", cookie}}}).status) << cookie;
  }
}

// HTTP Basic: reading alone, and no browser asks for a password that it would keep.
TEST_F(Doors, LetAPasswordReadAndNothingElse) {
  Client curl{
      .cookie = "", .csrf = "", .authorization = test::basic("administrator", password), .address = "192.0.2.7"};
  EXPECT_EQ(200, get(curl, "/api/v1/status").status);
  for (const std::string method : {"POST", "PUT", "DELETE"}) EXPECT_EQ(403, change(curl, {}, method)) << method;
  EXPECT_EQ(1U, asked().size());
  EXPECT_EQ(403, get(curl, "/api/v1/tokens").status);
  EXPECT_EQ(403, get(curl, "/api/v1/session").status);
  const Client ada = signed_in();
  Client both = ada;
  both.authorization = curl.authorization;
  EXPECT_EQ(403, change(both)) << "what the browser kept counts, not the cookie beside it";
  curl.authorization = test::basic("administrator", "wrong");
  const http::Answer refused = get(curl, "/api/v1/status");
  EXPECT_EQ(401, refused.status);
  EXPECT_FALSE(refused.headers.contains("WWW-Authenticate"));
  both.authorization = "Basic nonsense";
  EXPECT_EQ(401, get(both, "/api/v1/status").status);
  curl.authorization = test::basic("administrator", password);
  (void)with_factor(ada);
  EXPECT_EQ(401, get(curl, "/api/v1/status").status) << "a password alone is not enough any more";
}

TEST_F(Doors, LetAScriptDoWhatItsTokenSays) {
  const Client ada = signed_in();
  const auto made = [&](const std::vector<std::string>& scopes) {
    return json_of(ask(ada, json_request("POST", "/api/v1/tokens", {{"name", "nightly"}, {"scopes", scopes}})));
  };
  const auto reading = made({"read"});
  const Client reader = script(reading.at("token"));
  const Client writer = script(made({"certificates"}).at("token"));
  EXPECT_EQ(200, get(reader, "/api/v1/status").status);
  EXPECT_EQ(403, change(reader));
  EXPECT_EQ(403, get(writer, "/api/v1/status").status);
  EXPECT_EQ(200, change(writer)) << "without a CSRF token: no browser sends it by itself";
  EXPECT_EQ(403, change(writer, {}, "PUT")) << "another scope";
  EXPECT_EQ(2U, asked().size());
  // What a token may never do, however much it may.
  const Client all = script(
      made({"read", "certificates", "backups", "trust", "policy", "federation", "authority", "audit"}).at("token"));
  for (const auto& [method, path] :
       std::vector<std::pair<std::string, std::string>>{{"GET", "session"},
                                                        {"DELETE", "session"},
                                                        {"GET", "sessions"},
                                                        {"DELETE", "sessions"},
                                                        {"GET", "tokens"},
                                                        {"POST", "tokens"},
                                                        {"DELETE", "tokens/" + reading.at("id").get<std::string>()},
                                                        {"POST", "second-factor"},
                                                        {"PUT", "second-factor"},
                                                        {"DELETE", "second-factor"},
                                                        {"GET", "events"}}) {
    EXPECT_EQ(403, ask(all, {method, "/api/v1/" + path, "", {}}).status) << method << path;
  }
  EXPECT_EQ(200, get(reader, "/api/v1/status").status);
  // With a wrong token a cookie beside it is of no use.
  Client both = ada;
  both.authorization = "Bearer chancery_wrong";
  EXPECT_EQ(401, get(both, "/api/v1/status").status);
  both.authorization = "Bearer ";
  EXPECT_EQ(401, get(both, "/api/v1/status").status);
  wall += 90 * 24h;
  EXPECT_EQ(401, get(reader, "/api/v1/status").status) << "it has ended";
}

TEST_F(Doors, AnswerSoManyRequestsOfAnAddress) {
  const Client ada = signed_in();
  for (int at = 0; at < 399; ++at) EXPECT_EQ(200, get(ada, "/api/v1/session").status) << at;
  const http::Answer refused = get(ada, "/api/v1/session");
  EXPECT_EQ(429, refused.status);
  EXPECT_EQ("1", refused.headers.at("Retry-After"));
  EXPECT_EQ(429, get({}, "/api/v1/session").status) << "of the address, not of the session";
  Client elsewhere = ada;
  elsewhere.address = "192.0.2.2";
  EXPECT_EQ(200, get(elsewhere, "/api/v1/session").status);
  now += 1s;
  EXPECT_EQ(200, get(ada, "/api/v1/session").status);
}

}  // namespace
}  // namespace chancery::console
