// What the certificate manager is asked, and how its answers come back: through the API, as the web server asks it.
#include <gmock/gmock.h>

#include "keystore/files/lock.h"
#include "tests/console/api.h"

namespace chancery::console {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

const nlohmann::json nothing = nlohmann::json::object();

class Verbs : public Api {
 protected:
  Client ada = signed_in();
};

TEST_F(Verbs, AskTheManagerForWhoeverIsSignedIn) {
  EXPECT_EQ(
      200,
      ask(ada, json_request("POST", "/api/v1/certificates/portal/reset?watch_seconds=5", {{"dry_run", true}})).status);
  const auto one = asked();
  ASSERT_EQ(1U, one.size());
  EXPECT_EQ(nlohmann::json::parse(R"({"verb":"cert-reset","person":"administrator",
                                      "arguments":{"identity":"portal","dry_run":true,"watch_seconds":5}})"),
            one[0].request);
  const auto made =
      json_of(ask(ada, json_request("POST", "/api/v1/tokens", {{"name", "nightly"}, {"scopes", {"read"}}})));
  EXPECT_EQ(200, get({.cookie = "",
                      .csrf = "",
                      .authorization = "Bearer " + made.at("token").get<std::string>(),
                      .address = "192.0.2.7"},
                     "/api/v1/trust?store=engine")
                     .status);
  const auto two = asked();
  ASSERT_EQ(1U, two.size());
  EXPECT_EQ(nlohmann::json::parse(R"({"verb":"trust-list","person":"token nightly","arguments":{"store":"engine"}})"),
            two[0].request);
}

TEST_F(Verbs, AreKnownAtTheirAddressesAlone) {
  EXPECT_EQ(404, get(ada, "/api/v1/nothing").status);
  EXPECT_EQ(405, ask(ada, json_request("PUT", "/api/v1/certificates/portal/reset", nothing)).status);
  EXPECT_EQ(405, ask(ada, {"HEAD", "/api/v1/certificates/portal/reset", "", {}}).status);
  EXPECT_EQ(200, ask(ada, {"HEAD", "/api/v1/status", "", {}}).status);
  EXPECT_EQ(400, get(ada, "/api/v1/trust?password=x").status);
  EXPECT_EQ(1U, asked().size());
  EXPECT_EQ(413, ask(ada, {"POST", "/api/v1/certificates/replace", std::string(8 * 1024 * 1024 + 1, 'x'), {}}).status);
  EXPECT_EQ(401, ask({}, {"POST", "/api/v1/certificates/replace", std::string(8 * 1024 * 1024 + 1, 'x'), {}}).status)
      << "of nobody a body is read";
}

TEST_F(Verbs, ThatReadTakeNothingOfABody) {
  EXPECT_EQ(200, ask(ada, json_request("GET", "/api/v1/trust?store=engine", {{"store", "portal"}})).status);
  const auto one = asked();
  ASSERT_EQ(1U, one.size());
  EXPECT_EQ(nlohmann::json::parse(R"({"store":"engine"})"), one[0].request.at("arguments"));
  EXPECT_EQ(200, ask(ada, json_request("GET", "/api/v1/status", {{"surprise", 1}})).status);
}

// What leaves the appliance holds keys: signed in is not enough.
TEST_F(Verbs, ThatHandOutKeysNeedThePasswordOnceMore) {
  manager_says = [](const nlohmann::json&) {
    control::Message message{.json = "{}", .attachments = {}};
    message.attachments.push_back(secret_copy(std::string_view("SEALED")));
    return message;
  };
  const auto take = [&](const Client& client, const Fields& fields, std::map<std::string, std::string> headers = {}) {
    Request request = form_request("POST", "/api/v1/backups/b1/export", fields);
    request.headers.merge(headers);
    return ask(client, request);
  };
  for (const Fields& fields : std::vector<Fields>{{{"passphrase", "long"}},
                                                  {{"passphrase", "long"}, {"password", "wrong"}},
                                                  {{"passphrase", password}},
                                                  {{"password", ""}}}) {
    const http::Answer refused = take(ada, fields);
    EXPECT_EQ(403, refused.status) << "signed in, all the same";
    EXPECT_FALSE(refused.headers.contains("WWW-Authenticate"));
  }
  EXPECT_THAT(asked(), IsEmpty());
  const http::Answer taken = take(ada, {{"passphrase", "long"}, {"password", password}}, {{"idempotency-key", "k"}});
  EXPECT_EQ(200, taken.status);
  EXPECT_EQ("SEALED", taken.body);
  EXPECT_EQ("application/octet-stream", taken.content_type);
  EXPECT_EQ("attachment; filename=\"chancery-backup.sealed\"", taken.headers.at("Content-Disposition"));
  const auto one = asked();
  ASSERT_EQ(1U, one.size());
  EXPECT_EQ(nlohmann::json::parse(R"({"id":"b1","passphrase":{"attachment":0}})"), one[0].request.at("arguments"))
      << "the password is the console's alone";
  EXPECT_THAT(one[0].attachments, ElementsAre("long"));
  EXPECT_EQ(403, take(ada, {{"passphrase", "long"}, {"password", "wrong"}}, {{"idempotency-key", "k"}}).status)
      << "nothing of it was kept";
  for (int at = 0; at < 5; ++at) (void)take(ada, {{"password", "wrong"}});
  EXPECT_EQ(429, take(ada, {{"passphrase", "long"}, {"password", password}}).status);
  EXPECT_THAT(asked(), IsEmpty());
}

TEST_F(Verbs, AreAskedOnceForOneKey) {
  int count = 0;
  manager_says = [&](const nlohmann::json&) {
    return control::Message{.json = R"({"outcome":"done","count":)" + std::to_string(++count) + "}", .attachments = {}};
  };
  const auto reset = [&](const Client& client, const std::string& path, const nlohmann::json& document,
                         const std::string& key = "k") {
    Request request = json_request("POST", "/api/v1/certificates/" + path, document);
    request.headers["idempotency-key"] = key;
    return ask(client, request);
  };
  const http::Answer first = reset(ada, "portal/reset", nothing);
  const http::Answer again = reset(ada, "portal/reset", nothing);
  EXPECT_EQ(first.body, again.body);
  EXPECT_EQ("true", again.headers.at("Idempotency-Replayed"));
  EXPECT_EQ(1, count);
  EXPECT_EQ(422, reset(ada, "console/reset", nothing).status);
  EXPECT_EQ(422, reset(ada, "portal/reset", {{"dry_run", true}}).status);
  EXPECT_EQ(422, reset(ada, "portal/reset?dry_run=true", nothing).status);
  EXPECT_EQ(1, count);
  EXPECT_EQ(2, json_of(reset(ada, "portal/reset", nothing, "other")).at("count"));
  EXPECT_EQ(3, json_of(ask(ada, json_request("POST", "/api/v1/certificates/portal/reset", nothing))).at("count"));
  // No value of a query passes for two.
  const auto remove = [&](const std::string& query) {
    return ask(ada, {"POST", "/api/v1/trust/remove?" + query, "", {{"idempotency-key", "query"}}}).status;
  };
  EXPECT_EQ(200, remove("fingerprint=1&store=2"));
  EXPECT_EQ(422, remove("fingerprint=1\nstore=2"));
  EXPECT_EQ(422, remove("fingerprint=2&store=2"));
  count = 3;
  // Another person's key is another key.
  const auto made =
      json_of(ask(ada, json_request("POST", "/api/v1/tokens", {{"name", "n"}, {"scopes", {"certificates"}}})));
  const Client script{.cookie = "",
                      .csrf = "",
                      .authorization = "Bearer " + made.at("token").get<std::string>(),
                      .address = "192.0.2.7"};
  EXPECT_EQ(4, json_of(reset(script, "portal/reset", nothing)).at("count"));
  // What came to nothing may be tried again; what is only read is read each time.
  EXPECT_EQ(400, reset(ada, "portal/reset", {{"surprise", 1}}, "third").status);
  EXPECT_EQ(5, json_of(reset(ada, "portal/reset", nothing, "third")).at("count"));
  for (const int expected : {6, 7}) {
    EXPECT_EQ(expected, json_of(ask(ada, {"GET", "/api/v1/status", "", {{"idempotency-key", "k"}}})).at("count"));
  }
}

// Whoever listens in the place of a manager that is gone is asked for nothing, and told nothing.
TEST_F(Verbs, AreNotAskedOfStrangers) {
  const std::string lock = place.path("run/manager/lock");
  {
    const auto held = FileLock::try_take(lock, "chancery-manager");
    EXPECT_EQ(200, get(ada, "/api/v1/status").status);
  }
  EXPECT_EQ(1U, asked().size());
  const http::Answer away = get(ada, "/api/v1/status");
  EXPECT_EQ(503, away.status);
  EXPECT_EQ("not-running", code_of(away));
  EXPECT_THAT(asked(), IsEmpty());
}

const VerbRoute& route_of(const char* method, const char* path) { return *match(method, path).route; }
control::Message said(const std::string& json, const std::string& attached = "") {
  control::Message message{.json = json, .attachments = {}};
  if (!attached.empty()) message.attachments.push_back(secret_copy(attached));
  return message;
}

TEST(AnswersOfTheManager, AreProblemsOfOneShape) {
  const VerbRoute& reset = route_of("POST", "/certificates/portal/reset");
  const http::Answer refused = answer_of(
      reset, said(R"({"error":{"code":"refused","subject":"portal","message":"m","hint":"h"},"report":{"x":1}})"));
  EXPECT_EQ(422, refused.status);
  EXPECT_EQ("application/problem+json", refused.content_type);
  EXPECT_EQ(nlohmann::json::parse(R"({"type":"about:blank","status":422,"code":"refused","title":"m","detail":"h",
                                      "subject":"portal","needs_person":false,"report":{"x":1}})"),
            nlohmann::json::parse(refused.body));
  const auto doubtful = nlohmann::json::parse(
      answer_of(reset, said(R"({"error":{"code":"io-error","message":"m","hint":"h","needs_person":true}})")).body);
  EXPECT_EQ(true, doubtful.at("needs_person"));
  EXPECT_EQ(500, doubtful.at("status"));
  EXPECT_FALSE(doubtful.contains("subject"));
  // A change that preflight refused: its first error is what a person reads.
  const auto report = nlohmann::json::parse(
      answer_of(reset,
                said(R"({"outcome":"refused","report":{"findings":[{"severity":"warning","message":"w","hint":"-"},
          {"severity":"error","message":"first","hint":"do"},{"severity":"error","message":"second","hint":"-"}]}})"))
          .body);
  EXPECT_EQ("first", report.at("title"));
  EXPECT_EQ("do", report.at("detail"));
  EXPECT_EQ("refused", report.at("code"));
  EXPECT_EQ(422, answer_of(reset, said(R"({"outcome":"refused"})")).status);
  for (const char* wrong : {"[", "[]", "1", ""}) EXPECT_EQ(502, answer_of(reset, said(wrong)).status) << wrong;
}

TEST(AnswersOfTheManager, HandOutOnlyWhatTheRouteSays) {
  const http::Answer plain = answer_of(route_of("POST", "/certificates/portal/reset"), said(R"({"a":1})", "SECRET"));
  EXPECT_EQ(R"({"a":1})", plain.body);
  EXPECT_EQ("application/json", plain.content_type);
  const http::Answer token = answer_of(route_of("POST", "/federation/tokens"), said(R"({"a":1})", "SECRET"));
  EXPECT_EQ(R"({"a":1,"token":"SECRET"})", token.body);
  EXPECT_EQ(R"({"a":1})", answer_of(route_of("POST", "/federation/tokens"), said(R"({"a":1})")).body) << "planned";
  const http::Answer file = answer_of(route_of("GET", "/collectors/repair-key"), said("{}", "FILE"));
  EXPECT_EQ("FILE", file.body);
  EXPECT_EQ("attachment; filename=\"repair-key.json\"", file.headers.at("Content-Disposition"));
  const http::Answer text = answer_of(route_of("GET", "/metrics"), said(R"({"text":"up 1\n"})"));
  EXPECT_EQ("up 1\n", text.body);
  EXPECT_EQ("text/plain; version=0.0.4; charset=utf-8", text.content_type);
}

// The first row that fits is the one: no two may.
TEST(VerbTable, HasOneRowForEachAddress) {
  for (const VerbRoute& row : verb_table()) {
    std::string path(row.path);
    EXPECT_EQ(row.verb, match(row.method, path).route->verb) << path;
    for (const VerbRoute& other : verb_table()) {
      // A parameter of the one that is called like a word of the other.
      std::string mixed;
      std::string_view left = row.path;
      std::string_view right = other.path;
      while (!left.empty() && !right.empty()) {
        const std::string_view ours = left.substr(0, std::min(left.find('/', 1), left.size()));
        const std::string_view theirs = right.substr(0, std::min(right.find('/', 1), right.size()));
        mixed += ours.starts_with("/{") ? theirs : ours;
        left.remove_prefix(ours.size());
        right.remove_prefix(theirs.size());
      }
      if (!left.empty() || !right.empty() || row.method != other.method) continue;
      const Match found = match(row.method, mixed);
      EXPECT_TRUE(found.route != nullptr && found.route->verb == row.verb)
          << mixed << " is " << row.verb << " and " << other.verb;
    }
  }
}

}  // namespace
}  // namespace chancery::console
