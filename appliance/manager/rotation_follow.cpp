#include "appliance/manager/rotation_follow.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "appliance/change/bundle_edits.h"
#include "appliance/change/plan_stores.h"
#include "appliance/manager/knowledge.h"
#include "appliance/manager/renewal.h"
#include "appliance/manager/stores.h"
#include "keystore/java/store_edits.h"

namespace chancery::manager {
namespace {

using federation::Bulletin;
using nlohmann::json;

constexpr const char* roots_path = "trust/federation/roots.pem";
constexpr const char* retired_path = "trust/federation/retired.pem";
constexpr const char* cross_path = "trust/federation/cross.pem";
constexpr const char* known_path = "trust/appliance/known.pem";
constexpr const char* engine_bundle = "trust/engine/ca-bundle.crt";

bool contains(const std::vector<Certificate>& all, const Certificate& one) {
  return std::ranges::find(all, one) != all.end();
}

std::vector<Certificate> former_issuers(const Bulletin& bulletin) {
  std::vector<Certificate> all = bulletin.retired;
  if (bulletin.former_issuing) all.push_back(*bulletin.former_issuing);
  return all;
}

std::optional<preflight::Identity> readable(const backup::Generation& generation, const std::string& folder) {
  try {
    return change::read_identity(generation, folder);
  } catch (const Failure& failure) {
    if (failure.code() == "permission-denied") throw;
    return std::nullopt;  // the doctor tells
  }
}

// Absent rather than empty.
void put_certificates(change::Plan& plan, Bench& bench, const std::string& path,
                      const std::vector<Certificate>& certificates) {
  if (!certificates.empty()) {
    change::put_file(plan.edits, bench.appliance, path, view_of(pem_of(certificates)));
  } else if (bench.current().has(path)) {
    plan.edits[path] = std::nullopt;
  }
}

// Trust that was taken away from the federation by hand stays away from it.
struct Anchoring {
  const std::vector<Certificate>& wanted;
  std::set<std::string> known;    // fingerprints of every root of this federation, past ones included
  std::set<std::string> retired;  // those that go
};

Anchoring anchoring_of(const backup::Generation& generation, const Bulletin& bulletin) {
  Anchoring anchoring{.wanted = bulletin.roots, .known = {}, .retired = {}};
  for (const Certificate& each : certificates_in(generation, roots_path)) anchoring.known.insert(each.fingerprint());
  for (const Certificate& each : bulletin.roots) anchoring.known.insert(each.fingerprint());
  for (const Certificate& each : bulletin.retired) {
    anchoring.known.insert(each.fingerprint());
    anchoring.retired.insert(each.fingerprint());
  }
  return anchoring;
}

void put_engine_bundle(change::Plan& plan, Bench& bench, const Anchoring& anchoring) {
  if (!bench.current().has(engine_bundle)) return;
  const Bytes present = bench.current().read(engine_bundle);
  CertificatePool pool;
  pool.add_pem(present);
  const auto stands = [&](const std::string& fingerprint) { return pool.contains(fingerprint); };
  if (std::ranges::none_of(anchoring.known, stands)) return;
  change::put_file(plan.edits, bench.appliance, engine_bundle,
                   change::bundle_without(change::bundle_with(present, anchoring.wanted), anchoring.retired));
}

void put_portal_trust(change::Plan& plan, Bench& bench, const Anchoring& anchoring) {
  if (!bench.current().has(trust::portal_store_path)) return;
  trust::OpenStore open = trust::open_portal_store(bench.current());
  std::set<std::string> present;
  std::vector<std::string> gone;
  for (const java::Entry& entry : open.store.entries) {
    if (entry.kind != java::EntryKind::trusted_certificate || entry.certificates.empty()) continue;
    const std::string fingerprint = fingerprint_of(entry);
    present.insert(fingerprint);
    if (anchoring.retired.contains(fingerprint)) gone.push_back(entry.alias);
  }
  const auto stands = [&](const std::string& fingerprint) { return present.contains(fingerprint); };
  if (std::ranges::none_of(anchoring.known, stands)) return;
  const auto is_missing = [&](const Certificate& root) { return !present.contains(root.fingerprint()); };
  if (gone.empty() && std::ranges::none_of(anchoring.wanted, is_missing)) return;
  static_cast<void>(java::import_certificates(open.store, anchoring.wanted, {.now_ms = milliseconds_of(bench.now())}));
  for (const std::string& alias : gone) java::delete_entry(open.store, alias);
  change::put_portal_store(plan.edits, bench.appliance, open);
}

// What chains are completed by: the federation's CAs that count, and whatever an administrator gave us.
void put_known(change::Plan& plan, Bench& bench, const Bulletin& bulletin) {
  std::set<Sha256> retired;
  for (const Certificate& each : bulletin.retired) retired.insert(each.key_digest());
  std::vector<Certificate> known;
  const auto take = [&](const Certificate& each) {
    if (!retired.contains(each.key_digest()) && !contains(known, each)) known.push_back(each);
  };
  for (const Certificate& each : certificates_in(bench.current(), known_path)) take(each);
  for (const Certificate& each : bulletin.roots) take(each);
  if (bulletin.former_issuing) take(*bulletin.former_issuing);
  take(bulletin.issuing);
  put_certificates(plan, bench, known_path, known);
}

// Chains that are not renewed by this plan lose what vouched for the new root under one that is gone.
void strip_crosses(change::Plan& plan, Bench& bench, const Bulletin& bulletin) {
  std::vector<Certificate> gone = certificates_in(bench.current(), cross_path);
  std::erase_if(gone, [&](const Certificate& each) { return bulletin.cross && each == *bulletin.cross; });
  if (gone.empty()) return;
  for (const std::string& identity : identities_of(bench.appliance.role)) {
    for (const std::string group : {"defaults/", "identities/"}) {
      if (plan.edits.contains(group + identity + "/certificate.pem")) continue;
      auto material = readable(bench.current(), group + identity);
      if (!material || !material->key) continue;
      if (std::erase_if(material->intermediates, [&](const Certificate& each) { return contains(gone, each); }) == 0) {
        continue;
      }
      if (group == "defaults/") {
        change::put_default(plan.edits, bench.appliance, identity, *material);
      } else {
        change::put_identity(plan.edits, &bench.current(), bench.appliance, identity, *material);
        plan.identities.push_back(identity);
      }
    }
  }
}

std::string reason_of(const Bulletin& bulletin, std::uint64_t before) {
  const bool retires = bulletin.phase == authority::Phase::steady;
  std::string step = retires ? "retire" : bulletin.phase == authority::Phase::prepared ? "prepare" : "activate";
  if (before == bulletin.number) step = "renew";
  return "rotation " + step;
}

change::Plan plan_rotation(Bench& bench, const Bulletin& bulletin, const Material& renewed) {
  const backup::Generation& base = bench.current();
  change::Plan plan;
  if (!renewed.empty()) plan = change::plan_renew(base, bench.appliance, renewed, former_issuers(bulletin));
  plan.reason = reason_of(bulletin, followed_number(base));
  plan.base = base.number();
  const Anchoring anchoring = anchoring_of(base, bulletin);
  put_certificates(plan, bench, roots_path, bulletin.roots);
  put_certificates(plan, bench, retired_path, bulletin.retired);
  put_certificates(plan, bench, cross_path,
                   bulletin.cross ? std::vector<Certificate>{*bulletin.cross} : std::vector<Certificate>{});
  put_engine_bundle(plan, bench, anchoring);
  put_portal_trust(plan, bench, anchoring);
  put_known(plan, bench, bulletin);
  strip_crosses(plan, bench, bulletin);
  change::put_file(plan.edits, bench.appliance, federation::followed_bulletin_path,
                   view_of(federation::write_bulletin(bulletin)));
  change::finish_plan(plan, base);
  return plan;
}

bool retires_something(const backup::Generation& generation, const Bulletin& bulletin) {
  const std::vector<Certificate> present = certificates_in(generation, roots_path);
  return std::ranges::any_of(bulletin.retired, [&](const Certificate& each) { return contains(present, each); });
}

}  // namespace

std::optional<Bulletin> followed_bulletin(const backup::Generation& generation) {
  if (!generation.has(federation::followed_bulletin_path)) return std::nullopt;
  return federation::read_bulletin(text_of(generation.read(federation::followed_bulletin_path)));
}

std::uint64_t followed_number(const backup::Generation& generation) {
  if (!generation.has(federation::followed_bulletin_path)) return 0;
  return federation::number_of_bulletin(text_of(generation.read(federation::followed_bulletin_path)));
}

std::vector<std::string> outdated_identities(const backup::Generation& generation, const Appliance& appliance,
                                             const Bulletin& bulletin) {
  const std::vector<Certificate> former = former_issuers(bulletin);
  std::vector<std::string> outdated;
  for (const auto& [identity, material] : issued_defaults(generation, appliance)) {
    bool is_outdated = !material.leaf.is_signed_by(bulletin.issuing);
    // An earlier default that a restore brought back; a custom certificate is nobody's here.
    if (const auto present = is_outdated ? std::nullopt : readable(generation, "identities/" + identity)) {
      is_outdated = std::ranges::any_of(former, [&](const Certificate& ca) { return present->leaf.is_signed_by(ca); });
    }
    if (is_outdated) outdated.push_back(identity);
  }
  return outdated;
}

bool needs_following(const backup::Generation& generation, const Appliance& appliance, const Bulletin& bulletin) {
  const std::uint64_t number = followed_number(generation);
  if (bulletin.number != number) return bulletin.number > number;
  return number > 0 && !outdated_identities(generation, appliance, bulletin).empty();
}

json follow_rotation(Bench& bench, AuthorityDesk* desk, const Bulletin& bulletin, const Call& call) {
  const std::vector<std::string> outdated = outdated_identities(bench.current(), bench.appliance, bulletin);
  if (outdated.empty()) return finish(bench, plan_rotation(bench, bulletin, {}), call);
  Material renewed;
  try {
    renewed = obtain(bench, desk, issued_defaults(bench.current(), bench.appliance), outdated, bulletin.roots);
  } catch (const Failure&) {
    // A key that may be stolen is not trusted for longer than it takes to know of it.
    if (retires_something(bench.current(), bulletin)) {
      static_cast<void>(finish(bench, plan_rotation(bench, bulletin, {}), call));
    }
    throw;
  }
  json reply = finish(bench, plan_rotation(bench, bulletin, renewed), call);
  if (reply["outcome"] == "done") {
    reply["renewed"] = outdated;
    after_renewal(bench, desk, renewed);
  }
  return reply;
}

}  // namespace chancery::manager
