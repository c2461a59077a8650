// Backup sets, generations, trust, policy and requests: everything but replacing.
#include <gtest/gtest.h>

#include <filesystem>

#include "appliance/manager/bench.h"
#include "appliance/manager/managed_store.h"
#include "appliance/manager/stores.h"
#include "backup/sets/store_sets.h"
#include "keystore/java/store_edits.h"
#include "keystore/openssl/digest.h"
#include "keystore/x509/material.h"
#include "tests/manager/fixture.h"

namespace chancery::manager::testing {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

const Pki& pki() { return Pki::instance(); }

std::string key_digest(const std::string& key) {
  return shell("openssl pkey -in " + pki().path(key + ".key") +
               " -pubout -outform DER | sha256sum | cut -c1-64 | tr -d '\\n'")
      .output;
}

TEST(Backups, LeaveAndComeBackEncrypted) {
  const Desk desk(Role::primary);
  ASSERT_EQ(desk.replace("first")["outcome"], "done");
  const std::string id = desk.ask("backup-list")["sets"][0]["id"];
  const Place place;
  write_text(place / "passphrase", "correct horse battery staple");
  CertificateManager manager(desk.state(), system_now);
  const control::Message exported =
      manager.handle(desk.request("backup-export", {{"id", id}}, {{"passphrase", place / "passphrase"}}), "tester");
  ASSERT_EQ(exported.attachments.size(), 1U);
  write_text(place / "set", std::string(chancery::text_of(view_of(exported.attachments[0]))));
  const Desk::Files files{{"file", place / "set"}, {"passphrase", place / "passphrase"}};
  EXPECT_EQ(desk.refusal("backup-import", json::object(), files), "already-exists");
  fs::remove(desk.state() + "/backups/" + id + ".zip");
  EXPECT_TRUE(desk.ask("backup-list")["sets"].empty());
  EXPECT_EQ(desk.ask("backup-import", json::object(), files)["id"], id);
  EXPECT_TRUE(desk.ask("backup-verify", {{"id", id}})["verified"].get<bool>());
  EXPECT_FALSE(desk.ask("backup-show", {{"id", id}})["files"].empty());
}

TEST(Backups, ATamperedSetIsRefusedAndChangesNothing) {
  const Desk desk(Role::primary);
  ASSERT_EQ(desk.replace("first")["outcome"], "done");
  const std::string before = desk.in_force();
  const std::string id = desk.ask("backup-list")["sets"][0]["id"];
  const std::string path = desk.state() + "/backups/" + id + ".zip";
  std::string bytes = read_text(path);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  write_text(path, bytes);
  EXPECT_EQ(desk.refusal("backup-restore", {{"id", id}}), "backup-damaged");
  EXPECT_FALSE(desk.ask("backup-list")["sets"][0]["verified"].get<bool>());
  for (const char* name : {"../../etc/passwd", "/etc/passwd", "", "20260101T000000Z-000001"}) {
    EXPECT_EQ(desk.refusal("backup-restore", {{"id", name}}), "unknown-backup") << name;
  }
  EXPECT_EQ(desk.in_force(), before);
}

TEST(Trust, AppendsOnceAndRemoves) {
  const Desk desk(Role::secondary);
  const std::size_t before = desk.ask("trust-list")["certificates"].size();
  const json added = desk.ask("trust-append", json::object(), {{"files", pki().path("root.pem")}});
  ASSERT_EQ(added["outcome"], "done") << added.dump(2);
  ASSERT_EQ(added["added"].size(), 1U);
  const json list = desk.ask("trust-list");
  EXPECT_EQ(list["store"], "engine");
  EXPECT_EQ(list["certificates"].size(), before + 1);
  EXPECT_EQ(list["certificates"].back()["source"], "added");
  const std::string in_force = desk.in_force();
  EXPECT_EQ(desk.ask("trust-append", json::object(), {{"files", pki().path("root.pem")}})["outcome"], "unchanged");
  const json refused = desk.ask("trust-append", json::object(), {{"files", pki().path("root.key")}});
  EXPECT_EQ(refused["outcome"], "refused") << refused.dump(2);
  EXPECT_EQ(desk.refusal("trust-list", {{"store", "nowhere"}}), "bad-argument");
  EXPECT_EQ(desk.in_force(), in_force);
  ASSERT_EQ(desk.ask("trust-remove", {{"fingerprint", added["added"][0]["sha256"]}})["outcome"], "done");
  EXPECT_EQ(desk.ask("trust-list")["certificates"].size(), before);
}

TEST(Drift, AnEditByHandIsSeenRefusedAndAdopted) {
  const Desk desk(Role::primary);
  const std::string path = desk.current("trust/engine/ca-bundle.crt");
  write_text(path, read_text(path) + read_text(pki().path("root.pem")));
  EXPECT_EQ(desk.ask("status")["drift"], 1);
  EXPECT_EQ(desk.refusal("cert-reset", {{"identity", "portal"}}), "");  // already default: nothing to do
  EXPECT_EQ(desk.ask("generation-list")["in_force"], 1);
  try {
    static_cast<void>(desk.replace("first"));
    FAIL() << "a change buried an edit by hand";
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.code(), "drift");
  }
  const json adopted = desk.ask("generation-adopt");
  ASSERT_EQ(adopted["outcome"], "done") << adopted.dump(2);
  EXPECT_EQ(desk.ask("status")["drift"], 0);
  EXPECT_NE(read_text(path).find(read_text(pki().path("root.pem"))), std::string::npos);
  EXPECT_EQ(desk.replace("first")["outcome"], "done");
}

TEST(Purge, ACompromisedKeyIsFoundNowhereAnyMore) {
  const Desk desk(Role::primary);
  ASSERT_EQ(desk.replace("first")["outcome"], "done");
  const std::string digest = key_digest("first");
  EXPECT_EQ(desk.refusal("generation-purge", {{"key", digest}}), "in-use");
  ASSERT_EQ(desk.replace("second")["outcome"], "done");
  const std::string leaf = desk.served_leaf("portal");
  const json planned = desk.ask("generation-purge", {{"key", digest}, {"dry_run", true}});
  EXPECT_EQ(planned["removed_generations"], json({2}));
  EXPECT_EQ(desk.ask("generation-list")["generations"].size(), 3U);
  const json purged = desk.ask("generation-purge", {{"key", digest}});
  EXPECT_EQ(purged["outcome"], "done");
  EXPECT_EQ(purged["removed_generations"], json({2}));
  EXPECT_EQ(purged["removed_sets"].size(), 1U);
  EXPECT_EQ(desk.served_leaf("portal"), leaf);
  EXPECT_EQ(desk.ask("generation-list")["generations"].size(), 2U);
  EXPECT_EQ(desk.ask("generation-purge", {{"key", digest}})["outcome"], "unchanged");
  EXPECT_EQ(desk.refusal("generation-purge", {{"key", "abc"}}), "bad-argument");
}

// A keystore with this leaf's key under `password`.
SecretBytes store_with_key(java::StoreType type, const std::string& leaf, const std::string& password) {
  const SecretBytes under = secret_copy(std::string_view(password));
  const Material certificate = read_material(view_of(read_text(pki().path(leaf + ".pem"))), {.source = leaf});
  const Material key = read_material(view_of(read_text(pki().path(leaf + ".key"))), {.source = leaf});
  java::Keystore store{.type = type};
  static_cast<void>(java::import_key(store, key.keys.at(0), certificate.certificates,
                                     {.alias = "web", .key_password = &under, .now_ms = 1}));
  return java::seal_keystore(store, &under);
}

// A backup set of such a keystore somewhere.
std::string set_with_key(const Desk& desk, java::StoreType type, const std::string& leaf, const std::string& password) {
  const SecretBytes bytes = store_with_key(type, leaf, password);
  return backup::StoreSets::for_writing(desk.state())
      .create({.path = "/etc/" + leaf + password + std::string(java::name_of(type)),
               .bytes = view_of(bytes),
               .attributes = {}},
              {.reason = "test", .who = "tester", .when = system_now()});
}

TEST(Purge, SetsOfKeystoresAreLookedIntoToo) {
  using java::StoreType;
  const Desk desk(Role::primary);
  // Nobody's password is needed where a chain stands in clear.
  const std::string sealed = set_with_key(desk, StoreType::jks, "first", "nobody knows");
  const std::string usual = set_with_key(desk, StoreType::pkcs12, "first", "changeit");
  const std::string hidden = set_with_key(desk, StoreType::pkcs12, "first", "nobody knows");
  const std::string other = set_with_key(desk, StoreType::jks, "second", "nobody knows");
  const auto left = [&desk] {
    const std::vector<std::string> ids = backup::StoreSets::for_writing(desk.state()).ids();
    return std::set<std::string>(ids.begin(), ids.end());
  };
  const json planned = desk.ask("generation-purge", {{"key", key_digest("first")}, {"dry_run", true}});
  const std::set<std::string> gone{sealed, usual};
  EXPECT_EQ(planned["removed_sets"].get<std::set<std::string>>(), gone);
  EXPECT_EQ(left().size(), 4U);
  const json purged = desk.ask("generation-purge", {{"key", key_digest("first")}});
  EXPECT_EQ(purged["outcome"], "done");
  EXPECT_EQ(purged["removed_sets"].get<std::set<std::string>>(), gone);
  EXPECT_EQ(purged["undecided_sets"], json({hidden}));
  EXPECT_EQ(left(), (std::set<std::string>{hidden, other}));
}

// Puts bytes in the place of a store of the appliance, as `chancery keystore` does.
json put_store(const Desk& desk, const std::string& path, const SecretBytes& bytes, const std::string& password,
               const std::string& former) {
  return put_managed_store(desk.state(), {.path = path,
                                          .expected_sha256 = sha256_hex(view_of(read_text(path))),
                                          .bytes = bytes,
                                          .password = secret_copy(std::string_view(password)),
                                          .former_password = secret_copy(std::string_view(former)),
                                          .reason = "a test"});
}

// A generation with this truststore of the portal, by no change of the appliance's.
void stage_truststore(const Desk& desk, const SecretBytes& store, const std::string& password) {
  Bench bench(desk.state(), system_now);
  const Bench::Writer writer = bench.begin_change("test");
  backup::Edits edits;
  change::put_file(edits, bench.appliance, trust::portal_store_path, view_of(store));
  change::put_file(edits, bench.appliance, trust::portal_password_path, view_of(password + "\n"));
  const auto number = bench.generations.stage(bench.current().number(), edits,
                                              {.reason = "store", .who = "test", .when = system_now()});
  bench.sets.keep_pristine(bench.generations.open(number));
  bench.generations.switch_to(number);
}

TEST(Purge, KeystoresInsideTheAppliancesOwnSetsAreLookedIntoToo) {
  using java::StoreType;
  const Desk desk(Role::primary);
  const Place place;
  const SecretBytes before = secret_copy(view_of(read_text(desk.current(trust::portal_store_path))));
  const std::string digest = key_digest("first");
  // Its certificates are hidden under a password that nobody would guess, but that the appliance knows.
  stage_truststore(desk, store_with_key(StoreType::pkcs12, "first", "the portal's own"), "the portal's own");
  EXPECT_EQ(desk.refusal("generation-purge", {{"key", digest}}), "in-use");
  ASSERT_EQ(desk.replace("second")["outcome"], "done");
  stage_truststore(desk, before, "changeit");
  // A JDK's store that had a key: in the set of the change, and in backups/foreign.
  const std::string jdk = place / "jdk";
  std::filesystem::create_directories(jdk + "/lib/security");
  const std::string cacerts = jdk + "/lib/security/cacerts";
  write_text(cacerts, std::string(chancery::text_of(view_of(store_with_key(StoreType::jks, "first", "changeit")))));
  ASSERT_EQ(::setenv("JAVA_HOME", jdk.c_str(), 1), 0);
  ASSERT_EQ(put_store(desk, cacerts, before, "changeit", "changeit")["outcome"], "done");
  ::unsetenv("JAVA_HOME");
  const auto kept = [&desk] {
    std::size_t count = 0;
    for (const auto& each : fs::directory_iterator(desk.state() + "/backups/foreign")) count += each.is_regular_file();
    return count;
  };
  ASSERT_EQ(kept(), 1U);
  const std::string in_force = desk.in_force();
  const std::size_t sets = desk.ask("backup-list")["sets"].size();
  const json planned = desk.ask("generation-purge", {{"key", digest}, {"dry_run", true}});
  EXPECT_EQ(planned["removed_sets"].size(), 2U) << planned.dump(2);
  EXPECT_EQ(planned["removed_foreign"].size(), 1U);
  EXPECT_EQ(planned["removed_generations"], json({2, 3}));
  EXPECT_EQ(desk.ask("backup-list")["sets"].size(), sets);
  EXPECT_EQ(kept(), 1U);
  const json purged = desk.ask("generation-purge", {{"key", digest}});
  EXPECT_EQ(purged["outcome"], "done");
  for (const char* what : {"removed_sets", "removed_foreign", "removed_generations"}) {
    EXPECT_EQ(purged[what], planned[what]) << what;
  }
  EXPECT_EQ(purged["undecided_sets"], json::array());
  EXPECT_EQ(desk.ask("backup-list")["sets"].size(), sets - 2);
  EXPECT_EQ(kept(), 0U);
  EXPECT_EQ(desk.in_force(), in_force);
  EXPECT_EQ(desk.ask("generation-purge", {{"key", digest}})["outcome"], "unchanged");
}

TEST(Policy, IsSetShownAndGuarded) {
  const Desk desk(Role::primary);
  ASSERT_EQ(desk.ask("profile-set", {{"name", "strict"}, {"settings", {{"minimum-protocol", "TLSv1.3"}}}})["outcome"],
            "done");
  EXPECT_EQ(desk.ask("profile-show", {{"name", "strict"}})["minimum-protocol"], "TLSv1.3");
  ASSERT_EQ(desk.ask("endpoint-set",
                     {{"name", "portal"}, {"settings", {{"profile", "strict"}, {"port", "20011"}}}})["outcome"],
            "done");
  EXPECT_EQ(desk.ask("endpoint-show", {{"name", "portal"}})["port"], 20011);
  const std::string before = desk.in_force();
  EXPECT_EQ(desk.refusal("profile-delete", {{"name", "strict"}}), "in-use");
  EXPECT_EQ(desk.refusal("endpoint-delete", {{"name", "portal"}}), "in-use");
  EXPECT_EQ(desk.refusal("endpoint-set", {{"name", "portal"}, {"settings", {{"port", "20000"}}}}), "in-use");
  EXPECT_EQ(
      desk.refusal("endpoint-set", {{"name", "engine"}, {"settings", {{"port", "20030"}, {"identity", "portal"}}}}),
      "bad-endpoint");
  EXPECT_EQ(desk.refusal("endpoint-set", {{"name", "portal"}, {"settings", {{"prot", "1"}}}}), "bad-setting");
  EXPECT_EQ(desk.refusal("profile-set", {{"name", "../x"}, {"settings", {{"minimum-protocol", "TLSv1.3"}}}}),
            "bad-name");
  EXPECT_EQ(desk.in_force(), before);
  EXPECT_EQ(desk.ask("endpoint-list")["endpoints"].size(), 4U);
  EXPECT_EQ(desk.ask("profile-list")["profiles"].size(), 3U);
}

TEST(Authority, SignsForNamesThatAPersonGives) {
  const Desk desk(Role::primary);
  const Place place;
  ASSERT_EQ(
      shell("cd " + (place / "") +
            " && openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "
            "k -subj /CN=evil -addext subjectAltName=DNS:evil.example.test -addext basicConstraints=CA:TRUE -out c")
          .exit,
      0);
  const Desk::Files files{{"file", place / "c"}};
  EXPECT_EQ(desk.refusal("authority-sign", {{"purpose", "server"}}, files), "bad-argument");
  const json signed_one = desk.ask("authority-sign", {{"purpose", "server"}, {"sans", {"good.example.test"}}}, files);
  EXPECT_EQ(signed_one["certificate"]["sans"], json({"good.example.test"}));
  write_text(place / "chain.pem", signed_one["pem"]);
  write_text(place / "root.pem", desk.ask("authority-root")["pem"]);
  const ShellResult verified =
      shell("openssl verify -x509_strict -purpose sslserver -verify_hostname good.example.test -CAfile " +
            (place / "root.pem") + " -untrusted " + (place / "chain.pem") + " " + (place / "chain.pem"));
  EXPECT_EQ(verified.exit, 0) << verified.output;
}

TEST(Federation, TokensAreMadeListedAndRevoked) {
  const Desk desk(Role::primary);
  CertificateManager manager(desk.state(), system_now);
  const control::Message made = manager.handle(
      desk.request("federation-token", {{"role", "engine"}, {"name", "engine.example.test"}}, {}), "tester");
  ASSERT_EQ(made.attachments.size(), 1U);
  const std::string token(chancery::text_of(view_of(made.attachments[0])));
  EXPECT_TRUE(token.starts_with("chancery-join-1."));
  EXPECT_EQ(made.json.find(token), std::string::npos);
  EXPECT_EQ(json::parse(made.json)["names"], json({"engine.example.test"}));
  json tokens = desk.ask("federation-tokens-list")["tokens"];
  ASSERT_EQ(tokens.size(), 1U);
  EXPECT_EQ(tokens[0]["state"], "open");
  desk.ask("federation-tokens-revoke", {{"id", tokens[0]["id"]}});
  EXPECT_EQ(desk.ask("federation-tokens-list")["tokens"][0]["state"], "revoked");
  EXPECT_EQ(desk.refusal("federation-token", {{"role", "portal"}, {"name", "x.example.test"}}), "bad-role");
  EXPECT_EQ(desk.refusal("federation-token", {{"name", "x.example.test"}, {"ttl_seconds", 0}}), "bad-argument");
}

TEST(Federation, AJoinThatFailsChangesNothingAndKeepsItsKeys) {
  const Desk desk(Role::secondary);
  const std::string before = desk.in_force();
  const Place place;
  write_text(place / "token", "chancery-join-1." + std::string(107, 'A'));
  const Desk::Files files{{"token", place / "token"}};
  // Nobody listens on this port.
  EXPECT_NE(desk.refusal("federation-join", {{"primary", "127.0.0.1:1"}}, files), "");
  EXPECT_EQ(desk.in_force(), before);
  const std::string keys = "cat " + desk.state() + "/secrets/join/*.key | sha256sum";
  const std::string first = shell(keys).output;
  EXPECT_NE(desk.refusal("federation-join", {{"primary", "127.0.0.1:1"}}, files), "");
  EXPECT_EQ(shell(keys).output, first) << "a retry asks with the same keys";
  EXPECT_EQ(desk.ask("status")["federation"]["state"], "join-unfinished");
  EXPECT_EQ(Desk(Role::primary).refusal("federation-join", {{"primary", "127.0.0.1:1"}}, files), "not-a-secondary");
}

TEST(Requests, NonsenseIsRefused) {
  const Desk desk(Role::primary);
  CertificateManager manager(desk.state(), system_now);
  for (const char* text :
       {"", "[]", "{}", "{\"verb\":1}", "{\"verb\":\"no-such\"}", "{\"verb\":\"status\",\"arguments\":3}",
        "{\"verb\":\"cert-show\",\"arguments\":{\"identity\":7}}",
        "{\"verb\":\"status\",\"arguments\":{\"surplus\":1}}",
        "{\"verb\":\"cert-check\",\"arguments\":{\"files\":{\"certificate\":[{\"attachment\":5}]}}}"}) {
    EXPECT_THROW(static_cast<void>(manager.handle({.json = text, .attachments = {}}, "tester")), Failure) << text;
  }
  EXPECT_THROW(CertificateManager("/nonexistent/state", system_now), Failure);
}

}  // namespace
}  // namespace chancery::manager::testing
