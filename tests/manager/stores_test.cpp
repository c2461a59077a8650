// Trust stores of the appliance through the verbs: the portal's keystore, its upgrade from the bundle of earlier versions,
// a retired anchor in it, and the list of anchors in stores of others.
#include "appliance/manager/stores.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "appliance/manager/bench.h"
#include "appliance/manager/managed_store.h"
#include "keystore/java/store_edits.h"
#include "keystore/openssl/digest.h"
#include "keystore/x509/material.h"
#include "tests/manager/fixture.h"

namespace chancery::manager {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::Desk;
using testing::Pki;
using testing::Place;
using testing::read_text;

const Pki& pki() { return Pki::instance(); }

std::vector<Certificate> pki_certificates(const std::string& name) {
  return read_material(view_of(read_text(pki().path(name))), {.source = name}).certificates;
}

// A generation as an earlier version made it: the portal's trust is a bundle.
void make_former(const Desk& desk) {
  Bench bench(desk.state(), system_now);
  const Bench::Writer writer = bench.begin_change("test");
  backup::Edits edits;
  edits[trust::portal_store_path] = std::nullopt;
  edits[trust::portal_password_path] = std::nullopt;
  change::put_file(edits, bench.appliance, trust::former_portal_bundle, trust::portal_trust_pem(bench.current()));
  const auto number = bench.generations.stage(bench.current().number(), edits,
                                              {.reason = "former", .who = "test", .when = system_now()});
  bench.sets.keep_pristine(bench.generations.open(number));
  bench.generations.switch_to(number);
}

std::size_t count_of(const Desk& desk) { return desk.ask("trust-list", {{"store", "portal"}})["certificates"].size(); }

StorePut put_of(const Desk& desk, const java::Keystore& store, const std::string& password) {
  const std::string path = desk.current(trust::portal_store_path);
  const SecretBytes secret = secret_copy(std::string_view(password));
  return {.path = path,
          .expected_sha256 = sha256_hex(view_of(read_text(path))),
          .bytes = java::seal_keystore(store, &secret),
          .password = secret,
          .former_password = secret_copy(std::string_view("changeit")),
          .reason = "test"};
}

java::Keystore opened(const Desk& desk) {
  Bench bench(desk.state(), system_now);
  return trust::open_portal_store(bench.current()).store;
}

std::string code_of_put(const Desk& desk, StorePut put) {
  try {
    static_cast<void>(put_managed_store(desk.state(), std::move(put)));
    return "";
  } catch (const Failure& failure) {
    EXPECT_FALSE(failure.hint().empty());
    return failure.code();
  }
}

TEST(PortalStore, AFormerBundleBecomesAKeystoreAtTheNextChangeAndNotBefore) {
  const Desk desk(Role::primary);
  const std::size_t before = count_of(desk);
  make_former(desk);
  EXPECT_FALSE(fs::exists(desk.current(trust::portal_store_path)));
  EXPECT_EQ(count_of(desk), before);
  EXPECT_EQ(desk.ask("cert-reset", {{"identity", "portal"}})["outcome"], "unchanged");
  EXPECT_TRUE(fs::exists(desk.current(trust::former_portal_bundle)));
  ASSERT_EQ(desk.replace("first")["outcome"], "done");
  EXPECT_FALSE(fs::exists(desk.current(trust::former_portal_bundle)));
  EXPECT_EQ(count_of(desk), before);
  EXPECT_EQ(read_text(desk.current(trust::portal_password_path)), "changeit\n");
  EXPECT_EQ(opened(desk).entries.size(), before);
  // Going back to it brings the same certificates, as a keystore.
  ASSERT_EQ(desk.ask("generation-rollback", {{"number", 2}})["outcome"], "done");
  EXPECT_FALSE(fs::exists(desk.current(trust::former_portal_bundle)));
  EXPECT_EQ(count_of(desk), before);
  // A change of the store itself upgrades it too.
  make_former(desk);
  ASSERT_EQ(desk.ask("trust-append", {{"store", "portal"}}, {{"files", pki().path("root.pem")}})["outcome"], "done");
  EXPECT_EQ(count_of(desk), before + 1);
  EXPECT_FALSE(fs::exists(desk.current(trust::former_portal_bundle)));
}

TEST(PortalStore, APutIsCheckedBeforeAnythingIsMade) {
  const Desk desk(Role::primary);
  const std::string in_force = desk.in_force();
  java::Keystore empty = opened(desk);
  empty.entries.clear();
  EXPECT_EQ(code_of_put(desk, put_of(desk, empty, "changeit")), "empty-input");
  java::Keystore other = opened(desk);
  other.type = java::StoreType::jceks;
  EXPECT_EQ(code_of_put(desk, put_of(desk, other, "changeit")), "keystore-type");
  StorePut stale = put_of(desk, opened(desk), "changeit");
  stale.expected_sha256 = std::string(64, '0');
  EXPECT_EQ(code_of_put(desk, std::move(stale)), "state-changed");
  StorePut wrong = put_of(desk, opened(desk), "changeit");
  wrong.password = secret_copy(std::string_view("another"));
  EXPECT_EQ(code_of_put(desk, std::move(wrong)), "wrong-password");
  StorePut key = put_of(desk, opened(desk), "changeit");
  key.path = desk.current("identities/portal/key.pem");
  EXPECT_EQ(code_of_put(desk, std::move(key)), "not-a-store");
  EXPECT_EQ(desk.in_force(), in_force);
  EXPECT_EQ(put_managed_store(desk.state(), put_of(desk, opened(desk), "changeit"))["outcome"], "unchanged");
  EXPECT_EQ(desk.in_force(), in_force);
  ASSERT_EQ(put_managed_store(desk.state(), put_of(desk, opened(desk), "another one"))["outcome"], "done");
  EXPECT_EQ(read_text(desk.current(trust::portal_password_path)), "another one\n");
}

// Threat 48, in a keystore: neither a restore nor a put brings a retired anchor back.
TEST(PortalStore, ARetiredAnchorComesBackByNoWay) {
  const Desk desk(Role::primary);
  ASSERT_EQ(desk.ask("trust-append", {{"store", "portal"}}, {{"files", pki().path("root.pem")}})["outcome"], "done");
  const java::Keystore with = opened(desk);
  const std::string sha256 = pki_certificates("root.pem").front().fingerprint();
  const json removed = desk.ask("trust-remove", {{"store", "portal"}, {"fingerprint", sha256}});
  ASSERT_EQ(removed["outcome"], "done");
  {
    Bench bench(desk.state(), system_now);
    const Bench::Writer writer = bench.begin_change("test");
    backup::Edits edits;
    change::put_file(edits, bench.appliance, "trust/federation/retired.pem",
                     view_of(read_text(pki().path("root.pem"))));
    const auto number = bench.generations.stage(bench.current().number(), edits,
                                                {.reason = "retire", .who = "test", .when = system_now()});
    bench.sets.keep_pristine(bench.generations.open(number));
    bench.generations.switch_to(number);
  }
  const std::string in_force = desk.in_force();
  const auto refuses = [](const json& reply) {
    return reply["outcome"] == "refused" && reply["report"].dump().find("retired-anchor") != std::string::npos;
  };
  EXPECT_TRUE(refuses(put_managed_store(desk.state(), put_of(desk, with, "changeit"))));
  EXPECT_TRUE(refuses(desk.ask("backup-restore", {{"id", removed["backup_set"]}})));
  EXPECT_TRUE(refuses(desk.ask("generation-rollback", {{"number", 2}})));
  EXPECT_EQ(desk.in_force(), in_force);
}

TEST(ManagedAnchors, SurviveTheirTextAndRefuseDamage) {
  trust::ManagedAnchors anchors;
  const Certificate root = pki_certificates("root.pem").front();
  trust::ManagedAnchor anchor{.kind = trust::ManagedAnchor::Kind::keystore,
                              .path = "/opt/jdk/lib/security/cacerts",
                              .alias = "corp \xc3\xa9",
                              .sha256 = root.fingerprint(),
                              .since = system_now(),
                              .der = root.der()};
  anchors.remember(anchor);
  anchor.alias = "renamed";
  anchors.remember(anchor);
  const trust::ManagedAnchors again = trust::ManagedAnchors::parse(view_of(anchors.to_text()));
  ASSERT_EQ(again.all().size(), 1U);
  EXPECT_EQ(again.all().front().alias, "renamed");
  EXPECT_EQ(again.to_text(), anchors.to_text());
  for (const char* damaged : {"", "{}", "[]", R"({"format":"chancery-managed-anchors-1","anchors":[{}]})"}) {
    EXPECT_THROW(static_cast<void>(trust::ManagedAnchors::parse(view_of(std::string(damaged)))), Failure) << damaged;
  }
  EXPECT_TRUE(anchors.forget(anchor.path, anchor.sha256));
  EXPECT_FALSE(anchors.forget(anchor.path, anchor.sha256));
}

TEST(Places, PathsBelowTheStateAreTheirStoresAndNothingElse) {
  const Desk desk(Role::primary);
  const Place place;
  EXPECT_TRUE(is_managed_store(desk.state(), desk.current(trust::portal_store_path)));
  EXPECT_TRUE(is_managed_store(desk.state(), desk.state() + "/../state/current/identities/portal/key.pem"));
  EXPECT_FALSE(is_managed_store(desk.state(), place / "store.jks"));
  EXPECT_FALSE(is_managed_store(place / "nothing", desk.current(trust::portal_store_path)));
  fs::create_symlink(desk.current(trust::portal_store_path), place / "link");
  EXPECT_TRUE(is_managed_store(desk.state(), place / "link"));
  Bench bench(desk.state(), system_now);
  EXPECT_EQ(target_of(bench, place / "link").name, "portal");
  EXPECT_EQ(target_of(bench, desk.state() + "/current/trust/engine/ca-bundle.crt").name, "engine");
  EXPECT_EQ(target_of(bench, place / "store.jks").kind, Target::Kind::in_place);
  EXPECT_EQ(desk.refusal("trust-list", {{"store", desk.state() + "/secrets/generation.key"}}), "not-a-store");
  EXPECT_EQ(desk.refusal("trust-list", {{"store", "relative/path"}}), "bad-argument");
}

}  // namespace
}  // namespace chancery::manager
