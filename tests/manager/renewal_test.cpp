// Renewal on the appliance: when, what of it, and what stays. The clock is turned; the secondary's side over a real
// authority is in join_test.cpp's manner and in tests/system/test_renewal.py.
#include <gtest/gtest.h>

#include <filesystem>

#include "appliance/manager/renewal_timer.h"
#include "tests/manager/fixture.h"

namespace chancery::manager::testing {
namespace {

using nlohmann::json;
using std::chrono::days;

struct Turning {
  std::shared_ptr<Instant> now = std::make_shared<Instant>(system_now());
  Clock clock() const {
    return [at = now] { return *at; };
  }
};

json ask_at(const Desk& desk, const Clock& clock, const std::string& verb, const json& arguments = json::object()) {
  CertificateManager manager(desk.state(), clock);
  return json::parse(manager.handle(desk.request(verb, arguments, {}), "tester").json);
}

std::string text(const Desk& desk, const std::string& path) { return read_text(desk.current(path)); }

TEST(RenewalTimer, DoesNothingBeforeTwoThirdsAndEverythingOnceAfter) {
  const Desk primary(Role::primary);
  const Turning turning;
  RenewalTimer timer(primary.state(), turning.clock());
  const std::string before = primary.in_force();
  timer.look();
  *turning.now += days(260);
  timer.look();
  const json early = ask_at(primary, turning.clock(), "federation-renew", {{"due_only", true}});
  EXPECT_EQ(early["outcome"], "unchanged") << early.dump(2);
  EXPECT_EQ(primary.in_force(), before);

  std::map<std::string, std::string> former;
  for (const char* identity : {"console", "portal", "portal-collector", "member", "authority-tls"}) {
    former[identity] = text(primary, "defaults/" + std::string(identity) + "/certificate.pem");
  }
  const std::string known_key = text(primary, "identities/authority-tls/key.pem");
  *turning.now += days(28);
  timer.look();
  for (const auto& [identity, certificate] : former) {
    EXPECT_NE(text(primary, "defaults/" + identity + "/certificate.pem"), certificate) << identity;
    EXPECT_EQ(text(primary, "defaults/" + identity + "/certificate.pem"),
              text(primary, "identities/" + identity + "/certificate.pem"))
        << identity;
  }
  EXPECT_EQ(text(primary, "identities/authority-tls/key.pem"), known_key);
  const std::string after = primary.in_force();
  EXPECT_NE(after, before);
  *turning.now += days(1);
  timer.look();
  EXPECT_EQ(primary.in_force(), after);
  // A backup set was made, as for every change.
  const json sets = ask_at(primary, turning.clock(), "backup-list");
  EXPECT_EQ(sets["sets"].back()["reason"], "renew") << sets.dump(2);
}

TEST(RenewalTimer, LeavesACustomCertificateInForceAndRenewsTheDefaultBesideIt) {
  const Desk primary(Role::primary);
  ASSERT_EQ(primary.replace("first")["outcome"], "done");
  const std::string custom = primary.served_leaf("portal");
  const std::string former = text(primary, "defaults/portal/certificate.pem");
  const Turning turning;
  *turning.now += days(300);
  RenewalTimer(primary.state(), turning.clock()).look();
  EXPECT_EQ(primary.served_leaf("portal"), custom);
  EXPECT_NE(text(primary, "defaults/portal/certificate.pem"), former);
  EXPECT_EQ(text(primary, "defaults/member/certificate.pem"), text(primary, "identities/member/certificate.pem"));
}

TEST(RenewalTimer, AnEarlierDefaultFromABackupSetIsRenewedToo) {
  const Desk primary(Role::primary);
  ASSERT_EQ(primary.ask("federation-renew")["outcome"], "done");
  const json sets = primary.ask("backup-list");
  const json restored = primary.ask("backup-restore", {{"id", sets["sets"].back()["id"]}, {"components", {"portal"}}});
  ASSERT_EQ(restored["outcome"], "done") << restored.dump(2);
  ASSERT_NE(text(primary, "defaults/portal/certificate.pem"), text(primary, "identities/portal/certificate.pem"));
  ASSERT_EQ(primary.ask("federation-renew")["outcome"], "done");
  EXPECT_EQ(text(primary, "defaults/portal/certificate.pem"), text(primary, "identities/portal/certificate.pem"));
}

TEST(RenewalTimer, WaitsLongerAfterEachFailure) {
  EXPECT_EQ(RenewalTimer::pause_after(1), std::chrono::minutes(1));
  EXPECT_EQ(RenewalTimer::pause_after(2), std::chrono::minutes(2));
  EXPECT_EQ(RenewalTimer::pause_after(9), std::chrono::minutes(256));
  EXPECT_EQ(RenewalTimer::pause_after(10), std::chrono::hours(6));
  EXPECT_EQ(RenewalTimer::pause_after(100'000), std::chrono::hours(6));
}

TEST(Renew, ADryRunTellsThePlanAndChangesNothing) {
  const Desk primary(Role::primary);
  const std::string before = shell("cd " + primary.state() +
                                   " && find . -type f ! -name lock ! -name 'authority.db-*' "
                                   "| LC_ALL=C sort | xargs sha256sum")
                                 .output;
  const json planned = primary.ask("federation-renew", {{"dry_run", true}});
  ASSERT_EQ(planned["outcome"], "planned") << planned.dump(2);
  EXPECT_EQ(planned["plan"]["renews"].size(), 5U);
  for (const json& one : planned["plan"]["identities"]) EXPECT_EQ(one["after"], "issued at the renewal");
  EXPECT_EQ(shell("cd " + primary.state() +
                  " && find . -type f ! -name lock ! -name 'authority.db-*' | LC_ALL=C sort | "
                  "xargs sha256sum")
                .output,
            before);
}

TEST(Renew, NobodyIssuedWhatASecondaryHasBeforeItJoined) {
  const Desk secondary(Role::secondary);
  const std::string before = secondary.in_force();
  EXPECT_EQ(secondary.refusal("federation-renew"), "not-joined");
  const Turning turning;
  *turning.now += days(390);
  RenewalTimer(secondary.state(), turning.clock()).look();
  EXPECT_EQ(secondary.in_force(), before);
}

}  // namespace
}  // namespace chancery::manager::testing
