// Certificates put in force, taken back, asked for and refused, with no program running: every proof is offline.
#include <gtest/gtest.h>

#include <filesystem>
#include <future>

#include "tests/manager/fixture.h"

namespace chancery::manager::testing {
namespace {

using nlohmann::json;

const Pki& pki() { return Pki::instance(); }

std::string fingerprint(const std::string& leaf) {
  return shell("openssl x509 -in " + pki().path(leaf + ".pem") +
               " -noout -fingerprint -sha256 | cut -d= -f2 | tr -d ':\\n' | tr A-Z a-z")
      .output;
}

json identity_in(const json& list, const std::string& name) {
  for (const json& one : list["identities"]) {
    if (one["identity"] == name) return one;
  }
  return nullptr;
}

void expect_pair(const Desk& desk, const std::string& identity) {
  const std::string folder = desk.current("identities/" + identity);
  const ShellResult check = shell(pair_check() + " " + folder + "/certificate.pem " + folder + "/key.pem " +
                                  pki().path("root.pem") + " " + folder + "/intermediate.crt");
  EXPECT_EQ(check.exit, 0) << identity << ": " << check.output;
}

TEST(Replace, PutsChainAndKeyInForceForTheWholeGroup) {
  const Desk desk(Role::primary);
  const json reply = desk.replace("first");
  ASSERT_EQ(reply["outcome"], "done") << reply.dump(2);
  EXPECT_EQ(reply["identities"], json({"console", "portal"}));
  EXPECT_EQ(reply["generation"], 2);
  EXPECT_FALSE(reply["backup_set"].get<std::string>().empty());
  EXPECT_FALSE(reply["proofs"].empty());
  for (const json& proof : reply["proofs"]) EXPECT_TRUE(proof["ok"].get<bool>()) << proof;
  for (const char* identity : {"console", "portal"}) {
    expect_pair(desk, identity);
    EXPECT_EQ(desk.served_leaf(identity), fingerprint("first"));
  }
  EXPECT_NE(desk.served_leaf("portal-collector"), fingerprint("first"));
  const json list = desk.ask("cert-list");
  EXPECT_EQ(identity_in(list, "portal")["source"], "custom");
  EXPECT_EQ(identity_in(list, "portal")["certificate"]["sha256"], fingerprint("first"));
  EXPECT_EQ(identity_in(list, "portal")["intermediates"].size(), 1U);
  EXPECT_NEAR(identity_in(list, "portal")["expires_in_days"].get<double>(), 364.5, 0.5);
  EXPECT_EQ(identity_in(list, "portal-collector")["source"], "default");
}

TEST(Replace, ASecondTimeTheSameChangesNothing) {
  const Desk desk(Role::primary);
  ASSERT_EQ(desk.replace("first")["outcome"], "done");
  const std::string before = desk.in_force();
  EXPECT_EQ(desk.replace("first")["outcome"], "unchanged");
  EXPECT_EQ(desk.in_force(), before);
}

TEST(Replace, DryRunShowsThePlanAndChangesNothing) {
  const Desk desk(Role::single);
  const std::string before = desk.in_force();
  const json reply = desk.replace("first", {{"dry_run", true}});
  EXPECT_EQ(reply["outcome"], "planned");
  EXPECT_EQ(reply["identities"], json({"console", "portal", "engine"}));
  EXPECT_FALSE(reply["plan"].empty());
  EXPECT_EQ(reply.dump().find("PRIVATE KEY"), std::string::npos);
  EXPECT_EQ(desk.in_force(), before);
  EXPECT_TRUE(desk.ask("backup-list")["sets"].empty());
}

TEST(Replace, NamedIdentitiesOnly) {
  const Desk desk(Role::single);
  const std::string console = desk.served_leaf("console");
  ASSERT_EQ(desk.replace("first", {{"identities", {"engine-collector"}}})["outcome"], "done");
  EXPECT_EQ(desk.served_leaf("engine-collector"), fingerprint("first"));
  EXPECT_EQ(desk.served_leaf("console"), console);
  const std::string before = desk.in_force();
  for (const char* wrong : {"member", "authority-tls", "nobody", "../portal"}) {
    EXPECT_EQ(desk.refusal("cert-replace", {{"identities", {wrong}}}, {{"certificate", pki().path("second.pem")}}),
              "bad-identity")
        << wrong;
  }
  EXPECT_EQ(desk.in_force(), before);
}

TEST(Replace, ANotFederatedSecondaryIsWarned) {
  const Desk desk(Role::secondary);
  const json reply = desk.replace("first");
  ASSERT_EQ(reply["outcome"], "done") << reply.dump(2);
  EXPECT_NE(reply["report"].dump().find("not-federated"), std::string::npos);
  expect_pair(desk, "engine");
}

TEST(Replace, ARootNobodyKnowsIsRefusedUnlessAccepted) {
  const Desk desk(Role::primary);
  const std::string before = desk.in_force();
  const Desk::Files files{{"certificate", pki().path("first.pem")},
                          {"key", pki().path("first.key")},
                          {"intermediate", pki().path("intermediate.pem")}};
  const json refused = desk.ask("cert-replace", json::object(), files);
  EXPECT_EQ(refused["outcome"], "refused");
  EXPECT_NE(refused["report"].dump().find("untrusted-root"), std::string::npos) << refused.dump(2);
  EXPECT_EQ(desk.in_force(), before);
  EXPECT_EQ(desk.ask("cert-replace", {{"accept", {"untrusted-root"}}}, files)["outcome"], "done");
}

TEST(Replace, RootsGivenOnceAreKnownAfterwards) {
  const Desk desk(Role::primary);
  ASSERT_EQ(desk.replace("first")["outcome"], "done");
  // Neither root nor intermediate is given again.
  const json reply = desk.ask("cert-replace", json::object(),
                              {{"certificate", pki().path("second.pem")}, {"key", pki().path("second.key")}});
  ASSERT_EQ(reply["outcome"], "done") << reply.dump(2);
  expect_pair(desk, "portal");
}

TEST(Replace, EveryBadInputLeavesEverythingAsItWas) {
  const Desk desk(Role::primary);
  ASSERT_EQ(desk.replace("first")["outcome"], "done");
  const std::string before = desk.in_force();
  const Place place;
  write_text(place / "garbage", "this is no certificate\n");
  write_text(place / "empty", "");
  const std::string good = pki().path("second.pem");
  struct Case {
    const char* code;
    Desk::Files files;
  };
  const std::vector<Case> cases{
      {"key-mismatch", {{"certificate", good}, {"key", pki().path("first.key")}}},
      {"not-pem", {{"certificate", place / "garbage"}, {"key", pki().path("second.key")}}},
      {"empty-input", {{"certificate", place / "empty"}, {"key", pki().path("second.key")}}},
      {"name-mismatch", {{"certificate", pki().path("other-name.pem")}, {"key", pki().path("other-name.key")}}},
      {"key-missing", {{"certificate", good}}},
      {"key-mismatch", {{"certificate", pki().path("root.pem")}, {"key", pki().path("second.key")}}}};
  for (const Case& one : cases) {
    const json reply = desk.ask("cert-replace", json::object(), one.files);
    EXPECT_EQ(reply["outcome"], "refused") << one.code;
    EXPECT_NE(reply["report"].dump().find(one.code), std::string::npos) << one.code << ": " << reply.dump(2);
    EXPECT_EQ(reply["generation"], 2) << one.code;
  }
  EXPECT_EQ(desk.refusal("cert-replace", {{"accept", {"key-mismatch"}}}, cases[0].files), "cannot-accept");
  EXPECT_EQ(desk.refusal("cert-replace"), "bad-argument");
  EXPECT_EQ(desk.in_force(), before);
}

TEST(Replace, InternalNameIsDemandedWhereThePortalUsesIt) {
  pki().make_leaf("external-only", std::string("DNS:") + appliance_name);
  const Desk primary(Role::primary);
  EXPECT_EQ(primary.replace("external-only")["outcome"], "done");
  const Desk secondary(Role::secondary);
  const std::string before = secondary.in_force();
  const json reply = secondary.replace("external-only");
  EXPECT_EQ(reply["outcome"], "refused");
  EXPECT_NE(reply["report"].dump().find("name-mismatch"), std::string::npos);
  EXPECT_EQ(secondary.in_force(), before);
}

TEST(Reset, BringsTheDefaultBackAndTheBackupBringsTheCustomOneBack) {
  const Desk desk(Role::primary);
  const std::string fallback = desk.served_leaf("portal");
  ASSERT_EQ(desk.replace("first")["outcome"], "done");
  const json reset = desk.ask("cert-reset", {{"identity", "portal"}});
  ASSERT_EQ(reset["outcome"], "done") << reset.dump(2);
  EXPECT_EQ(desk.served_leaf("portal"), fallback);
  EXPECT_EQ(desk.served_leaf("console"), fingerprint("first"));

  const json sets = desk.ask("backup-list")["sets"];
  ASSERT_EQ(sets.size(), 2U);
  EXPECT_EQ(sets[0]["component"], "portal");
  EXPECT_EQ(sets[0]["certificate"]["sha256"], fingerprint("first"));
  EXPECT_TRUE(sets[0]["verified"].get<bool>());
  EXPECT_NE(sets[1]["component"].get<std::string>().find("console+"), std::string::npos) << sets[1]["component"];

  const json restored = desk.ask("backup-restore", {{"id", sets[0]["id"]}});
  ASSERT_EQ(restored["outcome"], "done") << restored.dump(2);
  EXPECT_EQ(desk.served_leaf("portal"), fingerprint("first"));
  expect_pair(desk, "portal");

  ASSERT_EQ(desk.ask("generation-rollback", {{"number", 1}})["outcome"], "done");
  EXPECT_EQ(desk.served_leaf("portal"), fallback);
  EXPECT_EQ(desk.served_leaf("console"), desk.served_leaf("console"));
  const json list = desk.ask("generation-list");
  EXPECT_EQ(list["generations"].size(), 5U);
  EXPECT_EQ(list["in_force"], 5);
  EXPECT_FALSE(desk.ask("generation-diff", {{"a", 1}, {"b", 2}})["differences"].empty());
}

TEST(Request, TheCertificateThatComesBackFindsItsKey) {
  const Desk desk(Role::primary);
  const json made = desk.ask("cert-csr", {{"identity", "portal"}, {"sans", {"extra.example.test"}}});
  ASSERT_EQ(made["outcome"], "done") << made.dump(2);
  const std::string request = made["request"];
  EXPECT_EQ(desk.ask("cert-csr", {{"identity", "portal"}, {"sans", {"extra.example.test"}}})["request"], request);
  EXPECT_EQ(desk.ask("cert-list")["pending"][0]["identity"], "portal");
  const std::string names = std::string("DNS:") + appliance_name + ",DNS:extra.example.test";
  pki().sign("from-request", request, names);
  const json reply = desk.ask("cert-replace", json::object(),
                              {{"certificate", pki().path("from-request.pem")},
                               {"intermediate", pki().path("intermediate.pem")},
                               {"also_trust", pki().path("root.pem")}});
  ASSERT_EQ(reply["outcome"], "done") << reply.dump(2);
  expect_pair(desk, "portal");
  EXPECT_TRUE(desk.ask("cert-list")["pending"].empty());
  EXPECT_EQ(desk.refusal("cert-csr", {{"identity", "member"}}), "bad-identity");
  EXPECT_EQ(desk.refusal("cert-csr", {{"identity", "portal"}, {"key_type", "dsa-1024"}}), "bad-key-type");
}

TEST(Request, AnEarlierRequestThatWasOverwrittenStillFindsItsKey) {
  const Desk desk(Role::primary);
  const std::string first = desk.ask("cert-csr", {{"identity", "portal"}})["request"];
  const std::string second = desk.ask("cert-csr", {{"identity", "portal"}, {"sans", {"b.example.test"}}})["request"];
  ASSERT_NE(first, second);
  pki().sign("from-first", first, std::string("DNS:") + appliance_name);
  const json reply = desk.ask("cert-replace", json::object(),
                              {{"certificate", pki().path("from-first.pem")},
                               {"intermediate", pki().path("intermediate.pem")},
                               {"also_trust", pki().path("root.pem")}});
  ASSERT_EQ(reply["outcome"], "done") << reply.dump(2);
  expect_pair(desk, "portal");
  EXPECT_EQ(desk.ask("cert-list")["pending"].size(), 1U) << "the second request goes on waiting";
}

TEST(Check, ReportsAndChangesNothing) {
  const Desk desk(Role::primary);
  const std::string before = desk.in_force();
  const json good = desk.ask("cert-check", {{"names", {appliance_name}}},
                             {{"certificate", pki().path("first.pem")},
                              {"key", pki().path("first.key")},
                              {"intermediate", pki().path("intermediate.pem")},
                              {"trust", pki().path("root.pem")}});
  EXPECT_NE(good["verdict"], "refuse") << good.dump(2);
  EXPECT_EQ(good["chain"].size(), 3U);
  const json late = desk.ask("cert-check", {{"at", "2040-01-01T00:00:00Z"}},
                             {{"certificate", pki().path("first.pem")}, {"trust", pki().path("root.pem")}});
  EXPECT_EQ(late["verdict"], "refuse");
  EXPECT_NE(late.dump().find("expired"), std::string::npos);
  EXPECT_EQ(desk.in_force(), before);
}

TEST(Concurrent, TwentyReplacesComeOneAfterAnother) {
  const Desk desk(Role::primary);
  ASSERT_EQ(desk.replace("first")["outcome"], "done");
  std::vector<std::future<std::string>> changes;
  for (int at = 0; at < 20; ++at) {
    changes.push_back(std::async(std::launch::async, [&desk, at]() -> std::string {
      try {
        return desk.replace(at % 2 == 0 ? "second" : "first")["outcome"];
      } catch (const Failure& failure) {
        return failure.code();
      }
    }));
  }
  std::size_t done = 0;
  for (auto& change : changes) {
    const std::string outcome = change.get();
    EXPECT_TRUE(outcome == "done" || outcome == "unchanged" || outcome == "busy") << outcome;
    if (outcome == "done") ++done;
  }
  const std::string leaf = desk.served_leaf("portal");
  EXPECT_TRUE(leaf == fingerprint("first") || leaf == fingerprint("second"));
  EXPECT_EQ(leaf, desk.served_leaf("console"));
  expect_pair(desk, "portal");
  EXPECT_EQ(desk.ask("backup-list")["sets"].size(), done + 1) << "one backup set for each success";
  EXPECT_TRUE(desk.ask("status")["in_doubt"].is_null());
}

}  // namespace
}  // namespace chancery::manager::testing
