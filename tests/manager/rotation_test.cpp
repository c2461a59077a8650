// Rotation on the primary through its verbs: who keeps a root from being retired, by rows as the portal writes them and by
// stores that hold it; what a restore may not bring back; and what was cut short, as the timer finds it. With real
// programs: tests/system/test_rotation.py.
#include "appliance/authority/rotation.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "appliance/manager/authority_desk.h"
#include "appliance/manager/news_timer.h"
#include "appliance/manager/rotation_follow.h"
#include "appliance/manager/rotation_stores.h"
#include "tests/manager/fixture.h"

namespace chancery::manager::testing {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr const char* proven_anchors =
    "CREATE TABLE proven_anchors (who TEXT NOT NULL, kind TEXT NOT NULL, member TEXT NOT NULL, sha256 TEXT NOT NULL, "
    "proven INTEGER NOT NULL, seen INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY (kind, who, sha256)) STRICT";

// The portal's table, as the portal of this appliance would write it.
class PortalTable {
 public:
  explicit PortalTable(const Desk& desk)
      : database_((fs::create_directories(desk.state() + "/databases"), desk.state() + "/databases/portal.db"),
                  SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE) {
    database_.exec("CREATE TABLE engines (name TEXT PRIMARY KEY, anchors_pending INTEGER NOT NULL) STRICT");
    database_.exec(proven_anchors);
  }
  void block(const std::string& who) {
    database_.exec("CREATE TABLE IF NOT EXISTS blocked_collectors (id TEXT PRIMARY KEY) STRICT");
    SQLite::Statement row(database_, "INSERT INTO blocked_collectors VALUES (?)");
    row.bind(1, who);
    row.exec();
  }
  void tell(const std::string& who, const std::string& root, bool is_proven,
            const std::string& member = appliance_name) {
    SQLite::Statement clear(database_, "DELETE FROM proven_anchors WHERE who = ?");
    clear.bind(1, who);
    clear.exec();
    SQLite::Statement row(database_,
                          "INSERT INTO proven_anchors VALUES (?, 'collector', ?, ?, ?, 1700000000, 'laptop')");
    row.bind(1, who);
    row.bind(2, member);
    row.bind(3, root);
    row.bind(4, is_proven ? 1700000000 : 0);
    row.exec();
  }
  void pending(const std::string& engine, int count) {
    SQLite::Statement row(database_, "INSERT OR REPLACE INTO engines VALUES (?, ?)");
    row.bind(1, engine);
    row.bind(2, count);
    row.exec();
  }

 private:
  SQLite::Database database_;
};

std::map<std::string, json> blockers(const Desk& desk) {
  std::map<std::string, json> found;
  const json status = desk.ask("federation-rotate-status", {{"show_blockers", true}});
  for (const json& each : status["blockers"]) {
    found[each["who"].get<std::string>()] = each;
  }
  return found;
}

std::string coming(const Desk& desk) {
  return desk.ask("federation-rotate-status")["coming_root"]["sha256"].get<std::string>();
}

// No chancery-authority runs here, so this appliance cannot prove anything and is forgotten.
json retire(const Desk& desk, std::vector<std::string> more = {}) {
  more.emplace_back(appliance_name);
  return desk.ask("federation-rotate-retire", {{"forget", more}});
}

TEST(Blockers, CollectorsAreThoseThatHaveNotProvenTheComingRoot) {
  const Desk primary(Role::primary);
  ASSERT_EQ(primary.ask("federation-rotate-prepare")["outcome"], "done");
  ASSERT_EQ(primary.ask("federation-rotate-activate")["outcome"], "done");
  const std::string root = coming(primary);
  PortalTable table(primary);
  table.tell("proven", root, true);
  table.tell("holds", root, false);
  table.tell("silent", "", false);
  table.tell("independent", "none", false);
  table.tell("former", std::string(64, 'a'), true);
  table.tell("of-nobody", "", false, "removed.example.test");
  std::map<std::string, json> found = blockers(primary);
  EXPECT_EQ(found.size(), 4U) << json(found).dump(2);
  EXPECT_EQ(found.at("holds")["why"], "it holds the coming root and has not proven it");
  EXPECT_EQ(found.at("silent")["why"], "it has not told what it trusts");
  EXPECT_EQ(found.at("former")["why"], "it does not hold the coming root");
  EXPECT_EQ(found.at("holds")["kind"], "collector");
  EXPECT_EQ(found.at("holds")["since"], "2023-11-14T22:13:20Z");
  EXPECT_EQ(found.at("holds")["name"], "laptop");
  EXPECT_EQ(found.at(appliance_name)["kind"], "member");

  const std::string before = primary.in_force();
  const json refused = retire(primary, {"holds"});
  EXPECT_EQ(refused["outcome"], "refused");
  EXPECT_EQ(refused["blockers"].size(), 2U) << refused.dump(2);
  EXPECT_EQ(refused["report"]["findings"][0]["code"], "rotation-blocked");
  EXPECT_EQ(primary.refusal("federation-rotate-retire", {{"forget", {"independent"}}}), "unknown-blocker");
  EXPECT_EQ(primary.in_force(), before);
  EXPECT_EQ(primary.ask("federation-rotate-status")["phase"], "activated");

  for (const char* who : {"holds", "silent", "former"}) table.tell(who, root, true);
  table.pending(appliance_name, 3);
  EXPECT_NE(blockers(primary).at(appliance_name)["why"].get<std::string>().find("3 collectors"), std::string::npos);
  table.pending(appliance_name, 0);
  const json done = retire(primary);
  EXPECT_EQ(done["outcome"], "done") << done.dump(2);
  ASSERT_EQ(done["lost"].size(), 1U);
  EXPECT_EQ(primary.ask("federation-rotate-status")["lost"][0]["who"], appliance_name);
}

TEST(Blockers, WhoeverIsBlockedProvesNothingAndIsNotWaitedFor) {
  const Desk primary(Role::primary);
  ASSERT_EQ(primary.ask("federation-rotate-prepare")["outcome"], "done");
  ASSERT_EQ(primary.ask("federation-rotate-activate")["outcome"], "done");
  PortalTable table(primary);
  table.tell("stolen", "", false);
  ASSERT_TRUE(blockers(primary).contains("stolen"));
  table.block("another");
  EXPECT_TRUE(blockers(primary).contains("stolen"));
  table.block("stolen");
  EXPECT_FALSE(blockers(primary).contains("stolen"));
  EXPECT_EQ(retire(primary)["outcome"], "done");
}

// A certificate by `authority sign` for this CSR; its owner in the register, and its SHA-256.
std::pair<std::string, std::string> signed_by_hand(const Desk& primary, const std::string& csr, const char* purpose) {
  const json signed_one =
      primary.ask("authority-sign", {{"purpose", purpose}, {"sans", {"robot.example.test"}}}, {{"file", csr}});
  const std::string sha256 = signed_one["certificate"]["sha256"].get<std::string>();
  const json listed = primary.ask("authority-list");
  for (const json& each : listed["certificates"]) {
    if (each["certificate"]["sha256"] == sha256) return {each["owner"].get<std::string>(), sha256};
  }
  return {"", sha256};
}

TEST(Blockers, WhatWasSignedByHandUnderTheGoingRootIsWaitedFor) {
  const Desk primary(Role::primary);
  const Place place;
  const auto request = [&](const std::string& name) {
    const std::string csr = place / (name + ".csr");
    EXPECT_EQ(shell("openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -keyout " +
                    (place / (name + ".key")) + " -out " + csr)
                  .exit,
              0);
    return csr;
  };
  const std::string robot = request("robot");
  const auto [owner, first] = signed_by_hand(primary, robot, "client");
  const auto [other, second] = signed_by_hand(primary, request("other"), "server");
  const auto [third, gone] = signed_by_hand(primary, request("third"), "client");
  ASSERT_EQ(primary.ask("authority-revoke", {{"sha256", gone}})["outcome"], "done");
  EXPECT_TRUE(blockers(primary).empty());  // nothing is going
  ASSERT_EQ(primary.ask("federation-rotate-prepare")["outcome"], "done");
  ASSERT_EQ(primary.ask("federation-rotate-activate")["outcome"], "done");
  std::map<std::string, json> found = blockers(primary);
  ASSERT_TRUE(found.contains(owner) && found.contains(other)) << json(found).dump(2);
  EXPECT_FALSE(found.contains(third)) << "revoked";
  EXPECT_EQ(found[owner]["kind"], "signed-certificate");
  EXPECT_EQ(found[owner]["name"], "robot.example.test");
  EXPECT_NE(found[owner]["why"].get<std::string>().find(first.substr(0, 16)), std::string::npos);
  const std::string before = primary.in_force();
  EXPECT_EQ(retire(primary)["outcome"], "refused");
  EXPECT_EQ(primary.in_force(), before);
  EXPECT_EQ(primary.ask("federation-rotate-status")["phase"], "activated");
  // Signed anew for the same key, for the same purpose and names, it does not need the former one any more.
  (void)signed_by_hand(primary, robot, "server");
  EXPECT_TRUE(blockers(primary).contains(owner));
  (void)signed_by_hand(primary, robot, "client");
  EXPECT_FALSE(blockers(primary).contains(owner));
  // In an emergency both of its certificates end at once, whichever root they are under.
  const json planned = primary.ask("federation-rotate-retire", {{"emergency", true}, {"dry_run", true}});
  std::set<std::string> lost;
  for (const json& each : planned["plan"]["lost"]) lost.insert(each["who"].get<std::string>());
  EXPECT_TRUE(lost.contains(owner) && lost.contains(other) && !lost.contains(third)) << planned.dump(2);
  const json done = retire(primary, {other});
  ASSERT_EQ(done["outcome"], "done") << done.dump(2);
  std::set<std::string> kinds;
  const json after = primary.ask("federation-rotate-status");
  for (const json& each : after["lost"]) kinds.insert(each["kind"].get<std::string>());
  EXPECT_EQ(kinds, (std::set<std::string>{"member", "signed-certificate"}));
}

TEST(Blockers, AStoreThatHoldsTheGoingRootMustHoldTheComingOne) {
  const Desk primary(Role::primary);
  const Place place;
  const std::string store = place / "cacerts";
  const std::string root = place / "root.pem";
  write_text(root, read_text(primary.current("trust/federation/roots.pem")));
  ASSERT_EQ(
      shell("keytool -importcert -noprompt -alias federation -file " + root + " -keystore " + store +
            " -storepass changeit 2>&1; keytool -delete -alias federation -keystore " + store + " -storepass changeit")
          .exit,
      0);
  ASSERT_EQ(primary.ask("trust-append", {{"store", store}}, {{"files", root}})["outcome"], "done");
  ASSERT_EQ(primary.ask("federation-rotate-prepare")["outcome"], "done");
  ASSERT_EQ(primary.ask("federation-rotate-activate")["outcome"], "done");
  Bench bench(primary.state(), system_now);
  AuthorityDesk desk(bench);
  const authority::Anchors anchors = authority::anchors_of(desk.authority.store());
  const auto standings = [&] { return store_standings(bench, *anchors.coming_root(), *anchors.going_root()); };
  const auto standing_of = [&](const std::string& who) {
    for (const StoreStanding& each : standings()) {
      if (each.who == who) return std::optional(each);
    }
    return std::optional<StoreStanding>();
  };
  ASSERT_TRUE(standing_of(store));
  EXPECT_FALSE(standing_of(store)->coming);
  EXPECT_NE(standing_of(store)->hint.find("trust append"), std::string::npos);
  // This appliance's own follow by themselves.
  EXPECT_TRUE(standing_of("trust/engine/ca-bundle.crt")->coming);
  EXPECT_TRUE(standing_of("trust/portal/cacerts")->coming);
  write_text(root, primary.ask("authority-root")["pem"].get<std::string>());
  ASSERT_EQ(primary.ask("trust-append", {{"store", store}}, {{"files", root}})["outcome"], "done");
  EXPECT_TRUE(standing_of(store)->coming);
  // Somebody took the former one out: nothing there depends on it any more.
  ASSERT_EQ(
      primary.ask("trust-remove", {{"store", store}, {"fingerprint", anchors.going_root()->fingerprint()}})["outcome"],
      "done");
  EXPECT_FALSE(standing_of(store));
}

TEST(RetiredAnchor, NothingUnderItComesBackByRestoreOrRollback) {
  const Desk primary(Role::primary);
  const std::string former = primary.served_leaf("portal");
  ASSERT_EQ(primary.replace("first")["outcome"], "done");
  const json sets = primary.ask("backup-list");
  const std::string set = sets["sets"].back()["id"].get<std::string>();
  const auto number = std::stol(fs::read_symlink(primary.state() + "/current").filename().string());
  ASSERT_EQ(primary.ask("federation-rotate-prepare")["outcome"], "done");
  ASSERT_EQ(primary.ask("federation-rotate-activate")["outcome"], "done");
  // In the middle of it the former leaf may come back, and is followed by a new one: it is no custom certificate.
  ASSERT_EQ(primary.ask("backup-restore", {{"id", set}, {"components", {"portal"}}})["outcome"], "done");
  EXPECT_EQ(primary.served_leaf("portal"), former);
  NewsTimer(primary.state(), system_now).look();
  EXPECT_NE(primary.served_leaf("portal"), former);
  EXPECT_EQ(read_text(primary.current("identities/portal/certificate.pem")),
            read_text(primary.current("defaults/portal/certificate.pem")));
  ASSERT_EQ(retire(primary)["outcome"], "done");
  const std::string before = primary.in_force();
  const auto is_refused = [&](const std::string& verb, const json& arguments) {
    const json reply = primary.ask(verb, arguments);
    return reply["outcome"] == "refused" && reply["report"].dump().find("retired-anchor") != std::string::npos;
  };
  EXPECT_TRUE(is_refused("backup-restore", {{"id", set}, {"components", {"portal"}}}));
  EXPECT_TRUE(is_refused("generation-rollback", {{"number", number}}));
  EXPECT_EQ(primary.in_force(), before);
}

// A command that was killed right after the register: the timer of chancery-manager, or the same command, ends it.
TEST(Rotation, WhatTheRegisterSaysIsFollowedAfterAKill) {
  for (const bool by_command : {false, true}) {
    const Desk primary(Role::primary);
    const auto step = [&](const char* verb, auto&& change) {
      {
        Bench bench(primary.state(), system_now);
        AuthorityDesk desk(bench);
        change(authority::Rotation(desk.authority));
      }
      const std::string before = primary.in_force();
      if (by_command) {
        json arguments = json::object();
        EXPECT_EQ(primary.ask(verb, arguments)["outcome"], "done") << verb;
      } else {
        NewsTimer(primary.state(), system_now).look();
      }
      EXPECT_NE(primary.in_force(), before) << verb;
      const std::string after = primary.in_force();
      NewsTimer(primary.state(), system_now).look();
      EXPECT_EQ(primary.in_force(), after) << verb;
      Bench bench(primary.state(), system_now);
      AuthorityDesk desk(bench);
      const auto bulletin = federation::bulletin_of(desk.authority);
      EXPECT_EQ(followed_bulletin(bench.current())->number, bulletin.number);
      EXPECT_TRUE(outdated_identities(bench.current(), bench.appliance, bulletin).empty());
      EXPECT_EQ(shell("grep -c BEGIN " + primary.current("trust/federation/roots.pem")).output,
                std::to_string(bulletin.roots.size()) + "\n");
    };
    step("federation-rotate-prepare", [](authority::Rotation rotation) { rotation.prepare({}); });
    step("federation-rotate-activate", [](authority::Rotation rotation) { rotation.activate({}); });
    step("federation-rotate-retire", [](authority::Rotation rotation) { rotation.retire(); });
    EXPECT_FALSE(fs::exists(primary.current("trust/federation/cross.pem")));
    EXPECT_EQ(shell("grep -c BEGIN " + primary.current("identities/portal/intermediate.crt")).output, "1\n");
    step("federation-rotate-retire", [](authority::Rotation rotation) { rotation.replace_at_once({}); });
  }
}

TEST(Rotation, AnOlderBulletinIsNeverFollowed) {
  const Desk primary(Role::primary);
  std::optional<federation::Bulletin> former;
  {
    Bench bench(primary.state(), system_now);
    AuthorityDesk desk(bench);
    former = federation::bulletin_of(desk.authority);
  }
  ASSERT_EQ(primary.ask("federation-rotate-prepare")["outcome"], "done");
  Bench bench(primary.state(), system_now);
  EXPECT_FALSE(needs_following(bench.current(), bench.appliance, *former));
}

TEST(Rotation, DryRunsTellTheirPlanAndChangeNothing) {
  const Desk primary(Role::primary);
  const auto everything = [&] {
    return shell("cd " + primary.state() +
                 " && find . -type f ! -name lock ! -name 'authority.db-*' | LC_ALL=C sort | xargs sha256sum")
        .output;
  };
  const auto plan = [&](const std::string& verb, json arguments) {
    const std::string before = everything();
    arguments["dry_run"] = true;
    const json reply = primary.ask(verb, arguments);
    EXPECT_EQ(reply["outcome"], "planned") << reply.dump(2);
    EXPECT_FALSE(reply["plan"]["files"].empty());
    EXPECT_EQ(everything(), before) << verb;
    return reply["plan"];
  };
  EXPECT_EQ(plan("federation-rotate-prepare", json::object())["next_phase"], "prepared");
  EXPECT_EQ(plan("federation-rotate-retire", {{"emergency", true}})["emergency"], true);
  ASSERT_EQ(primary.ask("federation-rotate-prepare")["outcome"], "done");
  EXPECT_EQ(plan("federation-rotate-activate", json::object())["renews"].size(), 5U);
  ASSERT_EQ(primary.ask("federation-rotate-activate")["outcome"], "done");
  EXPECT_EQ(plan("federation-rotate-retire", {{"forget", {appliance_name}}})["lost"].size(), 1U);
}

}  // namespace
}  // namespace chancery::manager::testing
