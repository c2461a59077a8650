// A secondary joins a primary whose chancery-authority runs: what changes, and what must not.
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <set>

#include "keystore/fault.h"
#include "tests/manager/fixture.h"

namespace chancery::manager::testing {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

const Naming engine_naming{.name = "engine.example.test", .internal = "engine.internal.test"};

class Join : public ::testing::Test {
 protected:
  Join()
      : port_base_(free_port_base()),
        primary(Role::primary, {.port_base = port_base_}),
        secondary(Role::secondary, engine_naming),
        authority_("chancery-authority", primary.state(), place / "authority.log") {
    ask_program(primary.state(), "authority", {.json = R"({"verb":"status"})", .attachments = {}});
  }

  // SHA-256 of every file of a state but its lock.
  static std::string everything_in(const std::string& state) {
    return shell("cd " + state + " && find . -type f ! -name lock | LC_ALL=C sort | xargs sha256sum").output;
  }
  std::string join_address() const { return "127.0.0.1:" + std::to_string(port_base_ + 4); }

  Desk::Files token(const std::string& name = "engine.example.test") const {
    CertificateManager manager(primary.state(), system_now);
    const json arguments{{"role", "engine"}, {"name", name}, {"sans", {"engine.internal.test", "127.0.0.1"}}};
    const control::Message made = manager.handle(primary.request("federation-token", arguments, {}), "tester");
    write_text(place / "token", std::string(chancery::text_of(view_of(made.attachments.at(0)))));
    return {{"token", place / "token"}};
  }

 private:
  int port_base_;

 public:
  Place place;
  Desk primary;
  Desk secondary;

 private:
  Process authority_;
};

TEST_F(Join, BringsTheFederationsCertificatesAndLeavesACustomOneAlone) {
  Pki::instance().make_leaf("engine-console", "DNS:engine.example.test");
  ASSERT_EQ(secondary.replace("engine-console", {{"identities", {"console"}}})["outcome"], "done");
  const std::string custom = secondary.served_leaf("console");

  const json joined = secondary.ask("federation-join", {{"primary", join_address()}}, token());
  ASSERT_EQ(joined["outcome"], "done") << joined.dump(2) << read_text(place / "authority.log");
  EXPECT_EQ(joined["federation"], primary.initial.federation);
  EXPECT_EQ(secondary.served_leaf("console"), custom);

  const std::string roots = primary.current("trust/federation/roots.pem");
  EXPECT_EQ(read_text(secondary.current("trust/federation/roots.pem")), read_text(roots));
  for (const char* folder :
       {"defaults/console", "identities/engine", "identities/engine-collector", "identities/member"}) {
    const std::string at = secondary.current(folder);
    const ShellResult check = shell(pair_check() + " " + at + "/certificate.pem " + at + "/key.pem " + roots + " " +
                                    at + "/intermediate.crt");
    EXPECT_EQ(check.exit, 0) << folder << ": " << check.output;
  }
  EXPECT_EQ(read_text(secondary.current("customer-key/customer.key")),
            read_text(primary.current("customer-key/customer.key")));
  const json facts = json::parse(read_text(secondary.current("federation/federation.json")));
  EXPECT_EQ(facts["federation"], primary.initial.federation);
  EXPECT_EQ(facts["member"]["role"], "secondary");
  EXPECT_EQ(facts["authority"]["pin"].get<std::string>().size(), 64U);
  EXPECT_EQ(facts["portal"]["name"], appliance_name);
  EXPECT_FALSE(fs::exists(secondary.state() + "/secrets/join"));
  EXPECT_EQ(secondary.ask("status")["federation"]["state"], "joined");
  EXPECT_EQ(primary.ask("federation-list")["members"].size(), 2U);

  const std::string before = secondary.in_force();
  const json again = secondary.ask("federation-join", {{"primary", join_address()}}, token());
  EXPECT_EQ(again["outcome"], "unchanged");
  EXPECT_EQ(again["code"], "already-joined");
  EXPECT_EQ(secondary.in_force(), before);
  for (const json& one : secondary.ask("doctor")["checks"]) {
    EXPECT_NE(one["status"], "critical") << one;
  }
}

TEST_F(Join, ARefusalChangesNothingAndANewTokenFinishesIt) {
  const std::string before = secondary.in_force();
  const Desk::Files foreign = token("somebody-else.example.test");
  EXPECT_EQ(secondary.refusal("federation-join", {{"primary", join_address()}}, foreign), "join-refused");
  EXPECT_EQ(secondary.in_force(), before);
  EXPECT_EQ(secondary.ask("status")["federation"]["state"], "join-unfinished");
  EXPECT_EQ(primary.ask("federation-list")["members"].size(), 1U);
  EXPECT_EQ(secondary.ask("federation-join", {{"primary", join_address()}}, token())["outcome"], "done");
}

TEST_F(Join, ADryRunLooksAtTheAuthorityAndUsesNothingUp) {
  Pki::instance().make_leaf("engine-console", "DNS:engine.example.test");
  ASSERT_EQ(secondary.replace("engine-console", {{"identities", {"console"}}})["outcome"], "done");
  const Desk::Files good = token();
  const std::string before = everything_in(secondary.state());
  const std::string register_before = primary.ask("federation-tokens-list").dump();

  const json planned = secondary.ask("federation-join", {{"primary", join_address()}, {"dry_run", true}}, good);
  ASSERT_EQ(planned["outcome"], "planned") << planned.dump(2);
  std::vector<std::string> identities;
  for (const json& one : planned["plan"]["identities"]) identities.push_back(one["identity"]);
  EXPECT_EQ(identities, (std::vector<std::string>{"engine", "engine-collector", "member"}));  // console's own one stays
  const json facts = json::parse(read_text(primary.current("federation/federation.json")));
  EXPECT_EQ(planned["plan"]["authority_pin"], facts["authority"]["pin"]);
  EXPECT_EQ(everything_in(secondary.state()), before);
  EXPECT_EQ(primary.ask("federation-tokens-list").dump(), register_before);
  EXPECT_EQ(primary.ask("federation-list")["members"].size(), 1U);

  // It would install what the join then does install.
  const json joined = secondary.ask("federation-join", {{"primary", join_address()}}, good);
  ASSERT_EQ(joined["outcome"], "done") << joined.dump(2);
  const json difference = secondary.ask("generation-diff", {{"a", planned["generation"]}, {"b", joined["generation"]}});
  std::set<std::string> changed;
  for (const json& one : difference["differences"]) changed.insert(one["path"]);
  std::set<std::string> foretold{};
  for (const json& one : planned["plan"]["files"]) foretold.insert(one["path"]);
  EXPECT_EQ(foretold.erase("settings/appliance.toml"), 1U);
  EXPECT_EQ(changed, foretold);
}

TEST_F(Join, ADryRunFindsAnotherKeyThanTheTokenPins) {
  const Desk other(Role::primary);
  CertificateManager manager(other.state(), system_now);
  const control::Message made = manager.handle(
      other.request("federation-token", {{"role", "engine"}, {"name", "engine.example.test"}}, {}), "tester");
  write_text(place / "foreign", std::string(chancery::text_of(view_of(made.attachments.at(0)))));
  const std::string before = everything_in(secondary.state());
  const json arguments{{"primary", join_address()}, {"dry_run", true}};
  EXPECT_EQ(secondary.refusal("federation-join", arguments, {{"token", place / "foreign"}}), "relay-suspected");
  EXPECT_EQ(everything_in(secondary.state()), before);
}

TEST_F(Join, WhoAnswersIsSeenNow) {
  const Instant asked = system_now();
  for (const Desk* desk : {&primary, &secondary}) {
    const json self = desk->ask("federation-list")["members"][0];
    EXPECT_GE(self["last_seen"].get<std::string>(), to_rfc3339(asked)) << self;
  }
}

TEST_F(Join, ARunningProgramIsPreparedAndSeen) {
  const json reply = primary.replace("first");
  ASSERT_EQ(reply["outcome"], "done") << reply.dump(2);
  const json status = primary.ask("status");
  for (const json& program : status["programs"]) {
    if (program["program"] != "authority") continue;
    EXPECT_EQ(program["generation"], status["generation"]) << program;
  }
  const json list = primary.ask("cert-list");
  for (const json& identity : list["identities"]) {
    if (identity["identity"] != "authority-tls") continue;
    ASSERT_EQ(identity["served"].size(), 1U) << identity;
    EXPECT_TRUE(identity["served"][0]["ok"].get<bool>()) << identity;
  }
  const json doctor = primary.ask("doctor");
  EXPECT_EQ(doctor["status"], 1) << doctor.dump(2);  // manager, console and portal do not run
}

TEST_F(Join, ACrashBeforeTheSettingIsWrittenHealsItself) {
  const Desk::Files first = token();
  const std::string toml = read_text(secondary.state() + "/settings/appliance.toml");
  ASSERT_EQ(secondary.ask("federation-join", {{"primary", join_address()}}, first)["outcome"], "done");
  write_text(secondary.state() + "/settings/appliance.toml", toml);
  EXPECT_EQ(secondary.ask("status")["federation"]["id"], primary.initial.federation);
  ASSERT_EQ(secondary.ask("resolve")["outcome"], "unchanged");
  EXPECT_NE(read_text(secondary.state() + "/settings/appliance.toml").find(primary.initial.federation),
            std::string::npos);
}

}  // namespace
}  // namespace chancery::manager::testing
