// What the doctor says of healthy and of damaged appliances; it never throws.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/manager/fixture.h"

namespace chancery::manager::testing {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

// "critical" where any check of this name is.
std::string grade(const json& reply, const std::string& check) {
  std::string worst = "absent";
  for (const json& one : reply["checks"]) {
    if (one["check"] != check) continue;
    const std::string status = one["status"];
    if (worst == "absent" || status == "critical" || (status == "warning" && worst == "ok")) worst = status;
  }
  return worst;
}

void expect_hints(const json& reply) {
  for (const json& one : reply["checks"]) {
    if (one["status"] == "ok") continue;
    EXPECT_FALSE(one.value("hint", "").empty()) << one;
  }
}

json doctor(const Desk& desk) {
  json reply = desk.ask("doctor");
  expect_hints(reply);
  return reply;
}

TEST(Doctor, AFreshApplianceOnlyLacksItsPrograms) {
  for (const Role role : {Role::primary, Role::single}) {
    const Desk desk(role);
    const json reply = doctor(desk);
    EXPECT_EQ(reply["status"], 1) << reply.dump(2);
    for (const json& one : reply["checks"]) {
      const std::string check = one["check"];
      const bool is_stopped = check == "manager" || check.starts_with("program ");
      EXPECT_EQ(one["status"], is_stopped ? "warning" : "ok") << one;
    }
  }
}

TEST(Doctor, ASecondaryIsToldToJoin) {
  const json reply = doctor(Desk(Role::secondary));
  EXPECT_EQ(reply["status"], 1) << reply.dump(2);
  EXPECT_EQ(grade(reply, "federation"), "warning");
  EXPECT_EQ(grade(reply, "identity engine"), "ok");
}

TEST(Doctor, OpenKeysAreCritical) {
  const Desk desk(Role::primary);
  fs::permissions(desk.current("identities/portal/key.pem"), fs::perms(0644));
  const json reply = doctor(desk);
  EXPECT_EQ(reply["status"], 2);
  EXPECT_EQ(grade(reply, "permissions"), "critical");
  EXPECT_NE(reply.dump().find("chmod 0600 "), std::string::npos);
}

TEST(Doctor, AKeyThatDoesNotFitIsCriticalAndDrift) {
  const Desk desk(Role::primary);
  const std::string other = read_text(desk.current("identities/console/key.pem"));
  write_text(desk.current("identities/portal/key.pem"), other);
  const json reply = doctor(desk);
  EXPECT_EQ(grade(reply, "identity portal"), "critical");
  EXPECT_EQ(grade(reply, "identity console"), "ok");
  EXPECT_EQ(grade(reply, "drift"), "warning");
}

TEST(Doctor, TimeIsGraded) {
  const Desk desk(Role::primary);
  const auto at = [&](std::chrono::hours shift) {
    CertificateManager manager(desk.state(), [shift] { return system_now() + shift; });
    json reply = json::parse(manager.handle({.json = R"({"verb":"doctor"})", .attachments = {}}, "tester").json);
    expect_hints(reply);
    return reply;
  };
  EXPECT_EQ(grade(at(std::chrono::hours(24 * (397 - 20))), "identity portal"), "warning");
  EXPECT_EQ(grade(at(std::chrono::hours(24 * (397 - 3))), "identity portal"), "critical");
  EXPECT_EQ(grade(at(std::chrono::hours(24 * 400)), "identity portal"), "critical");
  const json early = at(std::chrono::hours(-24 * 30));
  EXPECT_EQ(grade(early, "clock"), "critical");
  EXPECT_EQ(grade(early, "identity portal"), "critical");
}

// For a page, which has a better way out than a command line.
TEST(Doctor, SaysWhoseCertificateAPersonHasToReplace) {
  const Desk desk(Role::primary);
  ASSERT_EQ(desk.replace("first")["outcome"], "done");
  const auto to_replace = [&](std::chrono::hours shift) {
    CertificateManager manager(desk.state(), [shift] { return system_now() + shift; });
    std::vector<std::string> found;
    const json reply = json::parse(manager.handle({.json = R"({"verb":"doctor"})", .attachments = {}}, "tester").json);
    for (const json& one : reply["checks"]) {
      if (one.contains("replace")) found.push_back(one["replace"]);
    }
    return found;
  };
  const std::vector<std::string> of_the_person{"console", "portal"};
  EXPECT_EQ(to_replace(std::chrono::hours(0)), std::vector<std::string>{});
  EXPECT_EQ(to_replace(std::chrono::hours(24 * 340)), of_the_person);
  // The defaults end as well by then, and are renewed by themselves.
  EXPECT_EQ(to_replace(std::chrono::hours(24 * 400)), of_the_person);
}

TEST(Doctor, DamagedStatesAreExplained) {
  struct Case {
    const char* check;
    void (*damage)(const Desk& desk);
  };
  const Desk desk(Role::primary);
  const Place place;
  ASSERT_EQ(shell("cp -a " + desk.state() + " " + (place / "whole")).exit, 0);
  const std::vector<Case> cases{
      {"change", [](const Desk& broken) { write_text(broken.state() + "/change.json", "{ half"); }},
      {"generation", [](const Desk& broken) { write_text(broken.current("manifest.json"), "{}"); }},
      {"generation", [](const Desk& broken) { fs::remove(broken.state() + "/current"); }},
      {"settings",
       [](const Desk& broken) { write_text(broken.state() + "/settings/appliance.toml", "role = \"king\"\n"); }},
      {"settings", [](const Desk& broken) { fs::remove(broken.state() + "/secrets/generation.key"); }},
      {"identity portal", [](const Desk& broken) { fs::remove(broken.current("identities/portal/certificate.pem")); }},
      {"identity portal",
       [](const Desk& broken) { write_text(broken.current("identities/portal/certificate.pem"), "x"); }},
      {"trust portal", [](const Desk& broken) { write_text(broken.current("trust/portal/cacerts"), ""); }},
      {"customer-key", [](const Desk& broken) { fs::remove(broken.current("customer-key/customer.key")); }},
      {"authority", [](const Desk& broken) { fs::remove_all(broken.state() + "/authority"); }},
      {"profile default", [](const Desk& broken) { write_text(broken.current("profiles/default.toml"), "no = 1\n"); }},
      {"federation", [](const Desk& broken) { write_text(broken.current("federation/federation.json"), "[]"); }}};
  for (const Case& one : cases) {
    ASSERT_EQ(shell("rm -rf " + desk.state() + " && cp -a " + (place / "whole") + " " + desk.state()).exit, 0);
    one.damage(desk);
    const json reply = doctor(desk);
    EXPECT_EQ(reply["status"], 2) << one.check;
    EXPECT_EQ(grade(reply, one.check), "critical") << one.check << ": " << reply.dump(2);
  }
}

// Plain text beside TLS (D1) is not served yet: a profile that asks for it is refused, by the command that sets it.
TEST(Doctor, AProfileThatTheServersCannotKeepIsRefused) {
  const Desk desk(Role::primary);
  const auto before = doctor(desk);
  EXPECT_THROW(desk.ask("profile-set", {{"name", "default"}, {"settings", {{"required-level", "None"}}}}), Failure);
  EXPECT_EQ(desk.ask("profile-show", {{"name", "default"}}).dump().find("\"None\""), std::string::npos);
  EXPECT_EQ(grade(doctor(desk), "profile default"), grade(before, "profile default"));
}

}  // namespace
}  // namespace chancery::manager::testing
