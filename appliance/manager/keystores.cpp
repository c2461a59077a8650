// Keystores as a change: a whole store that takes the place of the one there is (managed_store.h), and putting back what
// Chancery had imported where an update wiped it.
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "appliance/manager/knowledge.h"
#include "appliance/manager/os_anchors.h"
#include "appliance/manager/stores.h"
#include "appliance/manager/verbs.h"
#include "keystore/java/store_edits.h"
#include "keystore/openssl/digest.h"

namespace chancery::manager {
namespace {

using nlohmann::json;

Failure changed_meanwhile(const Target& target) {
  if (target.kind == Target::Kind::portal) {
    return Failure({.code = "state-changed",
                    .subject = trust::portal_store_path,
                    .cause = "the store was changed since it was read",
                    .hint = "repeat the command: it starts from what is in force"});
  }
  return Failure({.code = "foreign-changed",
                  .subject = target.name,
                  .cause = "somebody else changed this file meanwhile; it was left as it is",
                  .hint = "look at what changed it, then repeat the command: it starts from what is there now",
                  .needs_person = true});
}

std::string present_sha256(Bench& bench, const Target& target) {
  if (target.kind == Target::Kind::portal) {
    return bench.current().has(trust::portal_store_path) ? sha256_hex(bench.current().read(trust::portal_store_path))
                                                         : "";
  }
  return sha256_hex(view_of(read_secret_file(target.name, java::keystore_limit)));
}

void expect_allowed(const Target& target, const java::Keystore& before, const java::Keystore& after) {
  if (before.type != after.type) {
    throw Failure({.code = "keystore-type",
                   .subject = target.name,
                   .cause = "the store is a " + std::string(java::name_of(before.type)) + " and would become a " +
                            std::string(java::name_of(after.type)),
                   .hint = "convert into a file of your own: chancery keystore convert --output FILE"});
  }
  if (target.kind != Target::Kind::portal) return;
  const auto has_key = [](const java::Entry& entry) { return entry.kind != java::EntryKind::trusted_certificate; };
  if (std::any_of(after.entries.begin(), after.entries.end(), has_key)) {
    throw Failure({.code = "key-in-bundle",
                   .subject = target.name,
                   .cause = "a key has no business in the portal's trust, which every user of this machine may read",
                   .hint = "import only certificates; identities get their keys with chancery cert replace"});
  }
  if (after.entries.empty()) {
    throw Failure({.code = "empty-input",
                   .subject = target.name,
                   .cause = "the portal would trust nobody: every outgoing connection would fail",
                   .hint = "leave at least one certificate in the store"});
  }
}

void judge_added(preflight::Report& report, const java::Keystore& before, const java::Keystore& after,
                 const preflight::Knowledge& knowledge) {
  std::set<std::string> had;
  for (const java::Entry& entry : before.entries) had.insert(fingerprint_of(entry));
  for (const java::Entry& entry : after.entries) {
    const std::string sha256 = fingerprint_of(entry);
    if (had.contains(sha256) || !knowledge.retired_anchors.contains(sha256)) continue;
    report.add("retired-anchor", entry.alias, "this anchor was retired and may not come back",
               "leave this certificate out: " + sha256);
  }
}

}  // namespace

json keystore_put(Bench& bench, Call& call) {
  const Bench::Writer writer = bench.begin_change(call.who() + ", " + call.text_or("reason", "keystore"));
  const Target target = target_of(bench, call.text("store"));
  if (target.kind != Target::Kind::portal && target.kind != Target::Kind::in_place) {
    throw bad_argument("store", "this is no Java keystore", "chancery trust append adds to the engine's CA bundle");
  }
  if (present_sha256(bench, target) != call.text("expected_sha256")) throw changed_meanwhile(target);
  std::optional<SecretBytes> former = call.secret("former_storepass");
  const std::optional<SecretBytes> password = call.secret("storepass");
  if (!former) former = password;
  JavaStore store = open_java_store(bench, target, former);
  const preflight::SourceFile file = call.file("file");
  const SecretBytes* key = password ? &*password : nullptr;
  store.store = java::open_keystore(view_of(file.bytes), {.source = file.name, .password = key});
  expect_allowed(target, store.before, store.store);
  if (target.kind == Target::Kind::portal && !password) {
    throw bad_argument("storepass", "is missing", "give the password of the new store: the portal reads it by that");
  }
  change::Plan plan =
      target.kind == Target::Kind::portal
          ? change::plan_portal_store(bench.current(), bench.appliance, call.text("reason"), view_of(file.bytes),
                                      *password)
          : plan_bytes_in_place(bench, target, store, secret_copy(view_of(file.bytes)), call.text("reason"));
  judge_added(plan.report, store.before, store.store, know(bench));
  json reply = finish(bench, std::move(plan), call);
  reply["store"] = target.name;
  return reply;
}

namespace {

struct Repair {
  std::vector<change::StoreInPlace> stores;
  trust::ManagedAnchors anchors;
  json restored = json::array();
  json skipped = json::array();
};

void repair_one(Bench& bench, Repair& repair, const std::string& path, const std::optional<SecretBytes>& password) {
  const Target target{.kind = Target::Kind::in_place, .name = path};
  JavaStore store = open_java_store(bench, target, password);
  std::set<std::string> has;
  for (const java::Entry& entry : store.store.entries) {
    if (entry.kind == java::EntryKind::trusted_certificate) has.insert(fingerprint_of(entry));
  }
  for (trust::ManagedAnchor anchor : repair.anchors.of(path)) {
    if (has.contains(anchor.sha256)) continue;
    const Certificate certificate = Certificate::from_der(anchor.der);
    const bool is_free = java::find_entry(store.store, anchor.alias) == nullptr;
    const std::string alias = is_free ? anchor.alias : java::derived_alias(store.store, certificate);
    store.store.entries.push_back(java::trusted_certificate(java::stored_alias(store.store.type, alias), anchor.der,
                                                            milliseconds_of(bench.now())));
    anchor.alias = store.store.entries.back().alias;
    repair.restored.push_back({{"store", path}, {"alias", anchor.alias}, {"sha256", anchor.sha256}});
    repair.anchors.remember(std::move(anchor));
  }
  if (store.store.entries.size() == store.before.entries.size()) return;
  repair.stores.push_back(
      {.path = path, .expected_sha256 = store.sha256, .sealed = seal_and_compare(store.store, store.password)});
}

}  // namespace

json keystore_repair(Bench& bench, Call& call) {
  const std::string wanted = call.text_or("store", "");
  const Bench::Writer writer = bench.begin_change(call.who() + ", keystore repair");
  const std::string only = wanted.empty() ? "" : target_of(bench, wanted).name;
  Repair repair;
  repair.anchors = trust::ManagedAnchors::read(bench.current());
  for (const std::string& path : repair.anchors.keystores()) {
    if (!only.empty() && path != only) continue;
    try {
      repair_one(bench, repair, path, call.secret("storepass"));
    } catch (const Failure& failure) {
      if (!only.empty()) throw;
      repair.skipped.push_back({{"store", path}, {"reason", failure.what()}, {"hint", failure.hint()}});
    }
  }
  change::Plan plan = change::plan_stores_in_place(bench.current(), bench.appliance, "keystore repair",
                                                   std::move(repair.stores), repair.anchors);
  if (only.empty() || only == "os") {
    for (const OsAnchorState& state : os_anchor_states(bench)) {
      if (state.is_well()) continue;
      plan.foreign.push_back(edit_that_restores(state));
      repair.restored.push_back({{"store", "os"}, {"alias", state.anchor.path}, {"sha256", state.anchor.sha256}});
    }
  }
  json reply = finish(bench, std::move(plan), call);
  reply["restored"] = std::move(repair.restored);
  reply["skipped"] = std::move(repair.skipped);
  return reply;
}

}  // namespace chancery::manager
