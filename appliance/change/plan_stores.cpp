#include "appliance/change/plan_stores.h"

#include "appliance/change/java_properties.h"
#include "appliance/change/plan_parts.h"

namespace chancery::change {
namespace {

// As the plan leaves it; nullopt where there is no such file then.
std::optional<Bytes> file_after(const Plan& plan, const backup::Generation& base, const std::string& path) {
  const auto edit = plan.edits.find(path);
  if (edit == plan.edits.end()) return base.has(path) ? std::optional(base.read(path)) : std::nullopt;
  if (!edit->second) return std::nullopt;
  return Bytes(edit->second->bytes.begin(), edit->second->bytes.end());
}

}  // namespace

void put_portal_store(backup::Edits& edits, const Appliance& appliance, ByteView sealed, const SecretBytes& password) {
  put_file(edits, appliance, trust::portal_store_path, sealed);
  SecretBytes line = password;
  append(line, view_of("\n"));
  put_file(edits, appliance, trust::portal_password_path, view_of(line));
}

void put_portal_store(backup::Edits& edits, const Appliance& appliance, const trust::OpenStore& store) {
  put_portal_store(edits, appliance, view_of(java::seal_keystore(store.store, &store.password)), store.password);
}

void put_managed_anchors(backup::Edits& edits, const backup::Generation& base, const Appliance& appliance,
                         const trust::ManagedAnchors& anchors) {
  if (!anchors.empty()) return put_file(edits, appliance, trust::managed_anchors_path, view_of(anchors.to_text()));
  if (base.has(trust::managed_anchors_path)) edits[trust::managed_anchors_path] = std::nullopt;
}

void upgrade_portal_trust(Plan& plan, const backup::Generation& base, const Appliance& appliance, Instant now) {
  if (plan.is_empty()) return;
  const auto bundle = file_after(plan, base, trust::former_portal_bundle);
  if (!bundle) return;
  if (!file_after(plan, base, trust::portal_store_path)) {
    put_portal_store(plan.edits, appliance, trust::portal_store_of(*bundle, milliseconds_of(now)));
  }
  plan.edits[trust::former_portal_bundle] = std::nullopt;
}

Plan plan_portal_store(const backup::Generation& base, const Appliance& appliance, const std::string& reason,
                       ByteView sealed, const SecretBytes& password) {
  Plan plan;
  plan.reason = reason;
  put_portal_store(plan.edits, appliance, sealed, password);
  if (base.has(java_properties_path)) put_java_properties(plan.edits, base, appliance);
  if (base.has(trust::former_portal_bundle)) plan.edits[trust::former_portal_bundle] = std::nullopt;
  finish_plan(plan, base);
  return plan;
}

Plan plan_stores_in_place(const backup::Generation& base, const Appliance& appliance, const std::string& reason,
                          std::vector<StoreInPlace> stores, const trust::ManagedAnchors& anchors) {
  Plan plan;
  plan.reason = reason;
  for (StoreInPlace& store : stores) {
    if (sha256_hex(view_of(store.sealed)) == store.expected_sha256) continue;
    plan.foreign.push_back({.path = std::move(store.path),
                            .expected_sha256 = std::move(store.expected_sha256),
                            .bytes = std::move(store.sealed)});
  }
  put_managed_anchors(plan.edits, base, appliance, anchors);
  finish_plan(plan, base);
  std::erase(plan.components, "trust/managed");  // never goes back: a restore is not to speak of it
  return plan;
}

}  // namespace chancery::change
