// Plans are values: what each would change, and what it refuses.

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/change/bench.h"

namespace chancery::test {
namespace {

using change::Plan;
using preflight::Verdict;

class PlanTest : public Bench {
 protected:
  PlanTest() { stop_programs(); }
  const Pki& pki = Pki::instance();
  Instant now = system_now();

  void commit(Plan plan) { ASSERT_EQ(change::Step::committed, run(std::move(plan)).step); }
  backup::GenerationNumber in_force() { return generations->current_number(); }
  std::map<std::string, backup::NewFile> files_of(const std::string& set) { return sets->open(set).files(""); }
  Plan restore(const std::string& set, const std::vector<std::string>& components = {}) {
    return change::plan_restore(generations->current(), appliance, set, files_of(set), components, pki.knowledge(),
                                now);
  }
  Plan rollback(backup::GenerationNumber number, const preflight::Knowledge& knowledge) {
    return change::plan_rollback(generations->current(), appliance, generations->open(number), knowledge, now);
  }
  void edit(const std::string& path, const std::string& text) {
    std::ofstream(state_path("current/" + path), std::ios::binary | std::ios::trunc) << text;
  }
  std::string text(const std::string& path) { return std::string(text_of(generations->current().read(path))); }
};

TEST_F(PlanTest, AReplacementWritesEveryFormThatReadersWant) {
  commit(replace_plan());
  const std::string folder = state_path("current/identities/engine/");
  shop.run("openssl verify -partial_chain -CAfile " + folder + "intermediate.crt " + folder + "certificate.pem");
  shop.run("openssl pkcs12 -in " + folder + "keystore.p12 -passin file:" + folder +
           "keystore.password -nodes -out all.pem");
  EXPECT_NE(std::string::npos, shop.text("all.pem").find("PRIVATE KEY"));
  EXPECT_TRUE(text("identities/engine/combined.pem").ends_with(text("identities/engine/fullchain.pem")));
  for (const char* secret : {"key.pem", "combined.pem", "keystore.p12", "keystore.password"}) {
    EXPECT_EQ(0600U, generations->current().folder().status(std::string("identities/engine/") + secret)->mode)
        << secret;
  }
  // The keystore's password is kept: whoever was told it goes on.
  const std::string password = text("identities/engine/keystore.password");
  commit(replace_plan("other"));
  EXPECT_EQ(password, text("identities/engine/keystore.password"));
  EXPECT_EQ("bad-identity", code_of([&] { (void)replace_plan("new", {"member"}); }));
}

TEST_F(PlanTest, DescribeShowsFilesEndpointsAndNoSecret) {
  const Plan plan = replace_plan();
  const nlohmann::json shown = change::describe(plan, generations->current(), appliance);
  EXPECT_EQ(3U, shown.at("endpoints").size());
  EXPECT_EQ(pki.identity("new").leaf.fingerprint(), shown.at("identities").at(0).at("after"));
  EXPECT_EQ(pki.identity("old").leaf.fingerprint(), shown.at("identities").at(0).at("before"));
  EXPECT_EQ(std::string::npos, shown.dump().find("PRIVATE"));
  EXPECT_EQ(1U, in_force());
}

TEST_F(PlanTest, ResetGoesBackToTheDefault) {
  commit(replace_plan());
  EXPECT_FALSE(change::is_default(generations->current(), "engine"));
  commit(change::plan_reset(generations->current(), appliance, "engine", pki.knowledge(), now));
  EXPECT_TRUE(change::is_default(generations->current(), "engine"));
  EXPECT_FALSE(change::is_default(generations->current(), "console"));
  preflight::Knowledge knowledge = pki.knowledge();
  knowledge.revoked.insert(pki.identity("old").leaf.fingerprint());
  EXPECT_EQ(Verdict::refuse,
            change::plan_reset(generations->current(), appliance, "console", knowledge, now).report.verdict());
  EXPECT_EQ("no-default", code_of([&] {
              (void)change::plan_reset(generations->current(), appliance, "portal", pki.knowledge(), now);
            }));
}

TEST_F(PlanTest, TrustKeepsTheBytesThatWereThere) {
  const std::string before = text("trust/engine/ca-bundle.crt");
  const preflight::BundleAnswer answer{.report = {}, .fresh = {pki.stranger()}, .present = {}};
  commit(change::plan_trust_append(generations->current(), appliance, answer));
  EXPECT_EQ(before + pki.stranger().to_pem(), text("trust/engine/ca-bundle.crt"));
  commit(change::plan_trust_remove(generations->current(), appliance, pki.stranger().fingerprint()));
  EXPECT_EQ(before, text("trust/engine/ca-bundle.crt"));
  EXPECT_EQ("unknown-certificate", code_of([&] {
              (void)change::plan_trust_remove(generations->current(), appliance, pki.stranger().fingerprint());
            }));
  EXPECT_EQ("bad-fingerprint",
            code_of([&] { (void)change::plan_trust_remove(generations->current(), appliance, "abc"); }));
  EXPECT_TRUE(change::plan_trust_append(generations->current(), appliance, {}).is_empty());
}

TEST_F(PlanTest, RestoreBringsTheComponentsBackAndNothingElse) {
  commit(replace_plan("new"));  // its set holds "old"
  commit(replace_plan("other", {"engine-collector"}));
  const std::string first = sets->ids().back();
  Plan back = restore(first, sets->summary(first).components);
  EXPECT_EQ((std::vector<std::string>{"console", "engine"}), back.identities);
  commit(std::move(back));
  EXPECT_FALSE(generations->current().has("trust/appliance/known.pem"));
  EXPECT_EQ(leaf_of(1, "engine"), leaf_of(in_force(), "engine"));
  EXPECT_EQ(leaf_of(1, "console"), leaf_of(in_force(), "console"));
  EXPECT_EQ(pki.identity("other").leaf.fingerprint(), leaf_of(in_force(), "engine-collector"));
  const auto number = in_force();
  commit(restore(first, {"engine-collector"}));
  EXPECT_EQ(leaf_of(1), leaf_of(in_force(), "engine-collector"));
  EXPECT_EQ(number + 1, in_force());
  // Without components: everything that may go back.
  EXPECT_TRUE(restore(first).report.has("never-goes-back"));
  for (const char* bad : {"customer-key", "federation", "trust/federation", "portal", "../x", ""}) {
    EXPECT_EQ("unknown-component", code_of([&] { (void)restore(first, {bad}); })) << bad;
  }
}

TEST_F(PlanTest, ASetWithoutIntermediatesRemovesThoseInForce) {
  preflight::Identity alone = pki.identity("other");
  alone.intermediates.clear();
  backup::Edits edits;
  change::put_identity(edits, nullptr, appliance, "engine", alone);
  std::map<std::string, backup::NewFile> files;
  for (auto& [path, file] : edits) {
    if (!path.ends_with("intermediate.crt")) files.emplace(path, std::move(*file));
  }
  commit(change::plan_restore(generations->current(), appliance, "set", files, {"engine"}, pki.knowledge(), now));
  EXPECT_FALSE(generations->current().has("identities/engine/intermediate.crt"));
  EXPECT_EQ(alone.leaf.fingerprint(), leaf_of(in_force()));
}

TEST_F(PlanTest, RollbackIsANewGenerationAndLeavesTheFederationAlone) {
  commit(replace_plan());
  backup::Edits edits;
  change::put_file(edits, appliance, "customer-key/customer.key", SecretBytes(32, std::uint8_t{9}));
  change::put_file(edits, appliance, "pending/engine/key.pem", view_of("waiting"));
  change::put_identity(edits, nullptr, appliance, "member", pki.identity("other"));
  generations->switch_to(generations->stage(in_force(), edits, cause()));
  commit(rollback(1, pki.knowledge()));
  EXPECT_EQ(4U, in_force());
  EXPECT_EQ(leaf_of(1, "engine"), leaf_of(4, "engine"));
  EXPECT_EQ(pki.identity("other").leaf.fingerprint(), leaf_of(4, "member"));
  EXPECT_EQ(Bytes(32, std::uint8_t{9}), generations->current().read("customer-key/customer.key"));
  EXPECT_EQ("waiting", text("pending/engine/key.pem"));
  EXPECT_FALSE(generations->current().has("trust/appliance/known.pem"));
}

TEST_F(PlanTest, GoingBackIsJudgedByThePresent) {
  commit(replace_plan());
  preflight::Knowledge knowledge = pki.knowledge();
  knowledge.revoked.insert(pki.identity("old").leaf.fingerprint());
  const Plan revoked = rollback(1, knowledge);
  EXPECT_TRUE(revoked.report.has("revoked"));
  EXPECT_EQ(change::Step::preflighted, run(rollback(1, knowledge)).step);
  knowledge = pki.knowledge();
  knowledge.retired_anchors.insert(pki.root().fingerprint());
  EXPECT_EQ(Verdict::refuse, rollback(1, knowledge).report.verdict());
  EXPECT_EQ(2U, in_force());

  backup::Edits edits;
  change::put_identity(edits, nullptr, appliance, "engine", pki.identity("expired"));
  const auto expired = generations->stage(2, edits, cause());
  const Plan plan = rollback(expired, pki.knowledge());
  EXPECT_TRUE(plan.report.has("expired"));
  EXPECT_EQ(Verdict::warn, plan.report.verdict());
}

TEST_F(PlanTest, RollbackUndoesEditsByHand) {
  commit(replace_plan());
  edit("identities/engine/certificate.pem", pki.identity("other").leaf.to_pem());
  edit("profiles/leftover.toml~", "x");
  commit(rollback(1, pki.knowledge()));
  EXPECT_EQ(leaf_of(1), leaf_of(in_force()));
  EXPECT_TRUE(generations->current().drift().empty());
  EXPECT_FALSE(generations->current().has("profiles/leftover.toml~"));
  commit(replace_plan("other"));
  // Where the edit is in what never goes back, it is told instead.
  edit("customer-key/customer.key", "by hand");
  EXPECT_EQ("drift", code_of([&] { (void)run(rollback(1, pki.knowledge())); }));
  // And a generation that was edited itself is not gone back to.
  EXPECT_EQ("drift", code_of([&] { (void)rollback(2, pki.knowledge()); }));
}

TEST_F(PlanTest, PolicyIsCheckedBeforeItIsPlanned) {
  const auto plan = [&](const std::string& path, const std::optional<std::string>& toml) {
    return change::plan_policy(generations->current(), appliance, path, toml);
  };
  SecurityProfile strict;
  strict.minimum_protocol = "TLSv1.3";
  commit(plan("profiles/strict.toml", to_toml(strict)));
  Endpoint endpoint = parse_endpoint("engine", generations->current().read("endpoints/engine.toml"));
  endpoint.profile = "strict";
  const Plan moved = plan("endpoints/engine.toml", to_toml(endpoint));
  EXPECT_EQ((std::vector<std::string>{"engine"}), moved.identities);
  commit(plan("endpoints/engine.toml", to_toml(endpoint)));
  EXPECT_EQ("in-use", code_of([&] { (void)plan("profiles/strict.toml", std::nullopt); }));
  endpoint.profile = "absent";
  EXPECT_EQ("unknown-profile", code_of([&] { (void)plan("endpoints/engine.toml", to_toml(endpoint)); }));
  endpoint.identity = "portal";
  EXPECT_EQ("unknown-identity", code_of([&] { (void)plan("endpoints/engine.toml", to_toml(endpoint)); }));
  EXPECT_EQ("bad-setting", code_of([&] { (void)plan("profiles/x.toml", "minimum-protocl = \"TLSv1.2\"\n"); }));
  EXPECT_EQ("unknown-name", code_of([&] { (void)plan("consumers/x.toml", std::nullopt); }));
  for (const char* bad :
       {"profiles/../x.toml", "other/x.toml", "profiles/x", "profiles/.toml", "profiles/A b.toml", "x"}) {
    EXPECT_EQ("bad-name", code_of([&] { (void)plan(bad, "\n"); })) << bad;
  }
  EXPECT_EQ(3U, in_force());
}

TEST_F(PlanTest, SoundEditsByHandAreAdopted) {
  const auto adopt = [&] { return change::plan_adopt(generations->current(), appliance, pki.knowledge(), now); };
  EXPECT_TRUE(adopt().is_empty());
  const preflight::Identity by_hand = pki.identity("new");
  edit("identities/engine/certificate.pem", by_hand.leaf.to_pem());
  edit("identities/engine/key.pem", std::string(text_of(view_of(by_hand.key->to_pem()))));
  edit("identities/engine/.certificate.pem.swp", "left by an editor");
  edit("trust/engine/ca-bundle.crt", pki.root().to_pem() + pki.stranger().to_pem());
  Plan plan = adopt();
  EXPECT_EQ((std::vector<std::string>{"engine"}), plan.identities);
  EXPECT_NE(Verdict::refuse, plan.report.verdict());
  commit(std::move(plan));
  EXPECT_EQ(by_hand.leaf.fingerprint(), leaf_of(2));
  EXPECT_TRUE(text("identities/engine/combined.pem").ends_with(text("identities/engine/fullchain.pem")));
  EXPECT_TRUE(text("identities/engine/fullchain.pem").starts_with(by_hand.leaf.to_pem()));
  EXPECT_FALSE(generations->current().has("identities/engine/.certificate.pem.swp"));
  EXPECT_EQ(pki.root().to_pem() + pki.stranger().to_pem(), text("trust/engine/ca-bundle.crt"));
  EXPECT_TRUE(generations->current().drift().empty());
}

TEST_F(PlanTest, UnsoundEditsByHandAreReportedAndTheOldStays) {
  const auto refused = [&](const std::string& code) {
    Plan plan = change::plan_adopt(generations->current(), appliance, pki.knowledge(), now);
    EXPECT_TRUE(plan.report.has(code)) << code;
    EXPECT_EQ(Verdict::refuse, plan.report.verdict()) << code;
    EXPECT_EQ(change::Step::preflighted, run(std::move(plan)).step);
    EXPECT_EQ(1U, in_force());
  };
  const std::string certificate = text("identities/engine/certificate.pem");
  edit("identities/engine/certificate.pem", pki.identity("new").leaf.to_pem());
  refused("key-mismatch");
  edit("identities/engine/certificate.pem", "garbage");
  refused("identity-damaged");
  edit("identities/engine/certificate.pem", certificate);
  edit("trust/engine/ca-bundle.crt", text("identities/engine/key.pem"));
  refused("key-in-bundle");
  edit("customer-key/customer.key", "x");
  refused("drift");
  edit("profiles/default.toml", "minimum-protocl = \"TLSv1.2\"\n");
  refused("bad-setting");
}

}  // namespace
}  // namespace chancery::test
