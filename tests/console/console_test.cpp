#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "appliance/console/form.h"
#include "appliance/console/idempotency.h"
#include "appliance/console/openapi.h"
#include "appliance/console/rate_limit.h"
#include "appliance/console/second_factor.h"
#include "appliance/console/sessions.h"
#include "appliance/console/verb_routes.h"
#include "keystore/fault.h"

namespace chancery::console {
namespace {

using namespace std::chrono_literals;

std::string form_body(const std::vector<std::pair<std::string, std::string>>& parts) {
  std::string body;
  for (const auto& [disposition, content] : parts) {
    body += "--cut\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n" + content + "\r\n";
  }
  return body + "--cut--\r\n";
}

constexpr const char* form_type = "multipart/form-data; boundary=cut";

// RFC 6238, appendix B, the SHA-1 column, to six digits.
TEST(SecondFactor, CodesOfTheStandard) {
  const SecretBytes secret = secret_copy(std::string_view("12345678901234567890"));
  EXPECT_EQ("287082", factor_code(secret, 59 / 30));
  EXPECT_EQ("081804", factor_code(secret, 1111111109 / 30));
  EXPECT_EQ("353130", factor_code(secret, 20000000000 / 30));
  EXPECT_EQ("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", factor_text(secret));
}

TEST(SecondFactor, IsGoodOnceAndForAStepAround) {
  const SecretBytes secret = new_factor_secret();
  EXPECT_EQ(20U, secret.size()) << "RFC 4226, section 4: 160 bits";
  const std::int64_t now = 1'700'000'010;
  const std::int64_t step = now / 30;
  EXPECT_EQ(step - 1, factor_step(secret, factor_code(secret, step - 1), now, 0));
  EXPECT_EQ(step + 1, factor_step(secret, factor_code(secret, step + 1), now, 0));
  EXPECT_FALSE(factor_step(secret, factor_code(secret, step + 2), now, 0));
  EXPECT_FALSE(factor_step(secret, factor_code(secret, step), now, step));
  EXPECT_FALSE(factor_step(secret, "", now, 0));
}

TEST(SessionsOfTheConsole, EndByThemselves) {
  SteadyTime now{};
  Sessions sessions(15min, [&] { return now; });
  const auto begun = sessions.begin("administrator", "192.0.2.1");
  now += 14min;
  EXPECT_TRUE(sessions.find(begun.cookie));
  now += 14min;
  EXPECT_TRUE(sessions.find(begun.cookie, /*touch=*/false));
  now += 2min;
  EXPECT_FALSE(sessions.find(begun.cookie)) << "looking without use kept it alive";
  const auto busy = sessions.begin("administrator", "192.0.2.1");
  for (int at = 0; at < 12 * 6; ++at) {
    now += 10min;
    EXPECT_EQ(at < 12 * 6 - 1, sessions.find(busy.cookie).has_value()) << at;
  }
}

// The setting is changed while people are signed in.
TEST(SessionsOfTheConsole, EndByAnotherSpan) {
  SteadyTime now{};
  Sessions sessions(15min, [&] { return now; });
  const auto begun = sessions.begin("administrator", "192.0.2.1");
  now += 10min;
  sessions.set_idle(30min);
  now += 15min;
  EXPECT_TRUE(sessions.find(begun.cookie));
  now += 10min;
  sessions.set_idle(5min);
  EXPECT_FALSE(sessions.find(begun.cookie));
}

TEST(SessionsOfTheConsole, AreFewAndApart) {
  SteadyTime now{};
  Sessions sessions(15min, [&] { return now; });
  const auto first = sessions.begin("administrator", "192.0.2.1");
  const auto second = sessions.begin("administrator", "192.0.2.1");
  EXPECT_EQ(43U, first.cookie.size());
  EXPECT_NE(first.session.csrf, second.session.csrf);
  EXPECT_NE(first.session.csrf, first.cookie) << "the page's scripts know the one, and never the other";
  EXPECT_NE(first.session.id, second.session.id);
  EXPECT_FALSE(sessions.find(first.session.id));
  for (int at = 0; at < 100; ++at) {
    now += 1s;
    (void)sessions.find(first.cookie);
    now += 1s;
    (void)sessions.begin("administrator", "192.0.2.2");
  }
  EXPECT_EQ(64U, sessions.list().size());
  EXPECT_TRUE(sessions.find(first.cookie)) << "whoever is at work is not put out by newcomers";
  EXPECT_FALSE(sessions.find(second.cookie)) << "but whoever was away the longest";
  sessions.end_all();
  EXPECT_TRUE(sessions.list().empty());
  std::set<char> last;
  for (int at = 0; at < 40; ++at) last.insert(sessions.begin("administrator", "192.0.2.1").cookie.back());
  EXPECT_LT(1U, last.size()) << "random to its end";
}

TEST(VerbTable, EveryPathFindsItsVerb) {
  for (const VerbRoute& route : verb_table()) {
    std::string path(route.path);
    for (std::size_t at = path.find('{'); at != std::string::npos; at = path.find('{')) {
      path.replace(at, path.find('}') - at + 1, "some-name");
    }
    const Match found = match(route.method, path);
    ASSERT_NE(nullptr, found.route) << path;
    EXPECT_EQ(route.verb, found.route->verb) << path;
  }
  EXPECT_EQ("backup-import", match("POST", "/backups/import").route->verb);
  EXPECT_EQ("some-name", match("GET", "/backups/some-name").parameters.at("id"));
  EXPECT_TRUE(match("PATCH", "/status").path_known);
  EXPECT_EQ(nullptr, match("HEAD", "/certificates/portal/reset").route);
  EXPECT_EQ("status", match("HEAD", "/status").route->verb);
  EXPECT_EQ(nullptr, match("GET", "/backups/").route);
  EXPECT_FALSE(match("GET", "/nothing").path_known);
}

TEST(VerbTable, IsDescribed) {
  const auto document = nlohmann::json::parse(openapi_document());
  for (const VerbRoute& route : verb_table()) EXPECT_TRUE(document["paths"].contains(std::string(route.path)));
  const auto& replace = document["paths"]["/certificates/replace"]["post"]["requestBody"]["content"];
  EXPECT_TRUE(replace["multipart/form-data"]["schema"]["properties"].contains("certificate"));
  EXPECT_FALSE(replace["application/json"]["schema"]["properties"].contains("passphrase"));
}

TEST(Arguments, OfAForm) {
  std::string body = form_body({{"name=\"certificate\"; filename=\"C:\\dir\\leaf.pem\"", "LEAF"},
                                {"name=\"certificate\"; filename=\"chain.pem\"", "CHAIN"},
                                {"name=\"passphrase\"", "secret words"},
                                {"name=\"identities\"", "portal"},
                                {"name=\"identities\"", "console"},
                                {"name=\"dry_run\"", "true"}});
  std::vector<SecretBytes> attachments;
  {
    const Form form(form_type, body);
    const auto arguments = arguments_for(*match("POST", "/certificates/replace").route, {}, {}, &form, attachments);
    EXPECT_EQ(
        nlohmann::json::parse(R"({"files":{"certificate":[{"attachment":0,"name":"leaf.pem"},{"attachment":1,"name":
        "chain.pem"}]},"passphrase":{"attachment":2},"identities":["portal","console"],"dry_run":true})"),
        arguments);
  }
  ASSERT_EQ(3U, attachments.size());
  EXPECT_EQ("secret words", text_of(view_of(attachments[2])));
  EXPECT_EQ(std::string::npos, body.find("secret words")) << "the body is wiped";
}

TEST(Arguments, RefuseWhatIsNotTaken) {
  const VerbRoute& replace = *match("POST", "/certificates/replace").route;
  std::vector<SecretBytes> attachments;
  for (const auto& [type, content] : std::vector<std::pair<std::string, std::string>>{
           {form_type, form_body({{"name=\"surprise\"", "x"}})},
           {form_type, form_body({{"name=\"dry_run\"", "perhaps"}})},
           {form_type, "--cut\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nno end"},
           {form_type, form_body({{"filename=\"nameless\"", "x"}})},
           {"multipart/form-data", "x"},
           {"application/json", "[1]"},
           {"application/json", R"({"passphrase":"x"})"},
           {"application/json", R"({"verb":"cert-reset"})"},
           {"text/plain", "x"}}) {
    std::string body = content;
    EXPECT_THROW(
        {
          const Form form(type, body);
          (void)arguments_for(replace, {}, {}, &form, attachments);
        },
        Failure)
        << type << content;
  }
  EXPECT_THROW((void)arguments_for(*match("GET", "/audit").route, {}, {{"limit", "many"}}, nullptr, attachments),
               Failure);
}

// What the path names cannot be overruled by the body.
TEST(Arguments, ThePathComesLast) {
  std::string body = R"({"identity":"console","dry_run":true})";
  const Form form("application/json", body);
  std::vector<SecretBytes> attachments;
  const Match reset = match("POST", "/certificates/portal/reset");
  EXPECT_EQ("portal", arguments_for(*reset.route, reset.parameters, {}, &form, attachments)["identity"]);
}

TEST(Answers, TellWhatTheManagerSaid) {
  const VerbRoute& replace = *match("POST", "/certificates/replace").route;
  const auto refused = answer_of(replace, {.json = R"({"outcome":"refused","report":{"findings":[{"severity":"error",
      "message":"the key is another's","hint":"give the right one"}]}})",
                                           .attachments = {}});
  EXPECT_EQ(422, refused.status);
  EXPECT_EQ("the key is another's", nlohmann::json::parse(refused.body)["title"]);
  EXPECT_TRUE(nlohmann::json::parse(refused.body).contains("report"));
  const auto failed =
      answer_of(replace, {.json = R"({"error":{"code":"busy","message":"m","hint":"h"}})", .attachments = {}});
  EXPECT_EQ(409, failed.status);
  EXPECT_EQ("application/problem+json", failed.content_type);
  EXPECT_EQ(502, answer_of(replace, {.json = "[", .attachments = {}}).status);
  std::vector<SecretBytes> attached;
  attached.push_back(secret_copy(std::string_view("TOKEN")));
  const auto token =
      answer_of(*match("POST", "/federation/tokens").route, {.json = R"({"id":"1"})", .attachments = attached});
  EXPECT_EQ("TOKEN", nlohmann::json::parse(token.body)["token"]);
}

int allowed(RateLimit& rate, const std::string& address) {
  int count = 0;
  while (count < 100'000 && rate.allows(address)) ++count;
  return count;
}

TEST(RateLimits, AreByAddress) {
  RateLimit::SteadyTime now{};
  RateLimit rate(20, [&] { return now; });
  EXPECT_EQ(400, allowed(rate, "192.0.2.1"));
  EXPECT_TRUE(rate.allows("192.0.2.2"));
  now += 1s;
  EXPECT_EQ(20, allowed(rate, "192.0.2.1"));
  now += 1h;
  EXPECT_EQ(400, allowed(rate, "192.0.2.1")) << "nobody saves up more than there is at once";
  rate.set(1);
  now += 10s;
  EXPECT_EQ(10, allowed(rate, "192.0.2.1"));
  now += 1h;
  EXPECT_EQ(20, allowed(rate, "192.0.2.1"));
}

// Whoever comes from many addresses fills no memory, and those that are at their limit stay so while there is room.
TEST(RateLimits, AreForgottenWhereTheyAreFull) {
  RateLimit::SteadyTime now{};
  RateLimit rate(1, [&] { return now; });
  EXPECT_EQ(20, allowed(rate, "192.0.2.1"));
  now += 10s;
  for (int at = 0; at < 4094; ++at) EXPECT_TRUE(rate.allows("198.51.100." + std::to_string(at)));
  now += 1s;  // all but the first are full again
  EXPECT_TRUE(rate.allows("203.0.113.1"));
  EXPECT_TRUE(rate.allows("203.0.113.2"));
  EXPECT_EQ(11, allowed(rate, "192.0.2.1"));
}

http::Answer done(const std::string& text) { return http::Answer::json(text); }
Sha256 request_of(const std::string& text) { return sha256(view_of(text)); }

TEST(Idempotencies, AnswerTheSameRequestOnce) {
  Idempotency::SteadyTime now{};
  Idempotency known([&] { return now; });
  EXPECT_FALSE(known.begin("ada", "key", request_of("reset")));
  EXPECT_EQ(409, known.begin("ada", "key", request_of("reset"))->status) << "while it runs";
  now += 2h;
  EXPECT_EQ(409, known.begin("ada", "key", request_of("reset"))->status) << "however long";
  known.finish("ada", "key", done("{}"));
  EXPECT_EQ(422, known.begin("ada", "key", request_of("replace"))->status);
  EXPECT_EQ(400, known.begin("ada", std::string(129, 'k'), request_of("reset"))->status);
  EXPECT_FALSE(known.begin("eve", "key", request_of("reset"))) << "nobody is answered what somebody else was";
}

TEST(Idempotencies, AnswerOneOfThoseThatComeTogether) {
  Idempotency known;
  for (int round = 0; round < 100; ++round) {
    const std::string key = "key " + std::to_string(round);
    std::atomic<int> begun = 0;
    std::latch together(4);
    {
      std::vector<std::jthread> askers;
      for (int at = 0; at < 4; ++at) {
        askers.emplace_back([&] {
          together.arrive_and_wait();
          begun += known.begin("ada", key, request_of("reset")) ? 0 : 1;
        });
      }
    }
    EXPECT_EQ(1, begun);
  }
}

TEST(Idempotencies, AreForgotten) {
  Idempotency::SteadyTime now{};
  Idempotency known([&] { return now; });
  EXPECT_FALSE(known.begin("ada", "key", request_of("reset")));
  known.finish("ada", "key", done("{}"));
  now += 59min;
  EXPECT_EQ("true", known.begin("ada", "key", request_of("reset"))->headers["Idempotency-Replayed"]);
  now += 2min;
  EXPECT_FALSE(known.begin("ada", "key", request_of("reset"))) << "after an hour";
  known.abandon("ada", "key");
  EXPECT_FALSE(known.begin("ada", "key", request_of("replace"))) << "what came to nothing may be tried again";
  for (int at = 0; at < 256; ++at) {
    now += 1s;
    EXPECT_FALSE(known.begin("ada", "other " + std::to_string(at), request_of("reset")));
  }
  EXPECT_FALSE(known.begin("ada", "key", request_of("reset"))) << "the oldest goes for the newest";
  EXPECT_EQ(409, known.begin("ada", "other 255", request_of("reset"))->status);
}

// curl writes another boundary each time.
TEST(Forms, SayTheSameInOtherWords) {
  const auto digest = [](const std::string& type, std::string body) { return Form(type, body).digest(); };
  const auto with = [&](const std::string& boundary, const std::string& value) {
    std::string body = form_body({{"name=\"identities\"", value}, {"name=\"key\"; filename=\"k.pem\"", "KEY"}});
    for (std::size_t at = 0; (at = body.find("--cut", at)) != std::string::npos;) body.replace(at, 5, "--" + boundary);
    return digest("multipart/form-data; boundary=" + boundary, body);
  };
  EXPECT_EQ(with("one", "portal"), with("two", "portal"));
  EXPECT_NE(with("one", "portal"), with("one", "console"));
  EXPECT_NE(digest(form_type, form_body({{"name=\"a\"", "x"}, {"name=\"b\"", "y"}})),
            digest(form_type, form_body({{"name=\"b\"", "x"}, {"name=\"a\"", "y"}})));
  EXPECT_NE(digest("application/json", R"({"a":1})"), digest("application/json", R"({"a":2})"));
}

}  // namespace
}  // namespace chancery::console
