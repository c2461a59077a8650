#include "appliance/manager/stores.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "keystore/openssl/digest.h"
#include "keystore/trust/os_places.h"
#include "keystore/x509/certificate_pool.h"

namespace chancery::manager {
namespace {

namespace fs = std::filesystem;

bool is_below(const fs::path& path, const fs::path& folder) {
  const auto [end, ignored] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  return end == folder.end();
}

// Links are followed as far as the path exists.
fs::path resolved(const std::string& path) {
  std::error_code failed;
  fs::path real = fs::weakly_canonical(path, failed);
  return failed ? fs::path(path).lexically_normal() : real;
}

Target target_inside(const fs::path& state, const fs::path& real) {
  const fs::path in_force = resolved(state / "current");
  if (real == in_force / trust::portal_store_path) return {.kind = Target::Kind::portal, .name = "portal"};
  if (real == in_force / "trust/engine/ca-bundle.crt") return {.kind = Target::Kind::engine, .name = "engine"};
  const bool is_old = is_below(real, state / "generations") && !is_below(real, in_force);
  throw Failure({.code = "not-a-store",
                 .subject = real.string(),
                 .cause = is_old ? "this file belongs to a generation that is not in force, and those never change"
                                 : "this file of the appliance is made by its own commands",
                 .hint = is_old
                             ? "name it through " + (state / "current").string() +
                                   ", or put that generation in force: chancery generation rollback N"
                             : "certificates of identities are replaced with chancery cert replace; the portal's trust "
                               "is " +
                                   (state / "current" / trust::portal_store_path).string()});
}

SecretBytes usual() { return secret_copy(std::string_view(trust::usual_password)); }

bool same_entries(const java::Keystore& left, const java::Keystore& right) {
  const auto same = [](const java::Entry& one, const java::Entry& other) {
    const bool same_key = one.key.has_value() == other.key.has_value();
    return one.alias == other.alias && one.kind == other.kind && same_key &&
           std::equal(one.certificates.begin(), one.certificates.end(), other.certificates.begin(),
                      other.certificates.end(),
                      [](const auto& a, const auto& b) { return a.der == b.der && a.type == b.type; });
  };
  return left.type == right.type &&
         std::equal(left.entries.begin(), left.entries.end(), right.entries.begin(), right.entries.end(), same);
}

struct Held {
  std::string alias;
  const java::SharedDer* der;
};

std::map<std::string, Held> trusted_by_fingerprint(const java::Keystore& store) {
  std::map<std::string, Held> held;
  for (const java::Entry& entry : store.entries) {
    if (entry.kind != java::EntryKind::trusted_certificate || entry.certificates.empty()) continue;
    held.emplace(fingerprint_of(entry), Held{entry.alias, &entry.certificates.front().der});
  }
  return held;
}

void remember_system_file(trust::ManagedAnchors& anchors, const std::string& path, ByteView pem, Instant now) {
  CertificatePool held;
  held.add_pem(pem);
  for (const Certificate& certificate : held.all()) {
    anchors.remember({.kind = trust::ManagedAnchor::Kind::operating_system,
                      .path = path,
                      .alias = "",
                      .sha256 = certificate.fingerprint(),
                      .since = now,
                      .der = certificate.der()});
  }
}

}  // namespace

std::string fingerprint_of(const java::Entry& entry) {
  return entry.certificates.empty() ? "" : sha256_hex(entry.certificates.front().der);
}

Target target_of(const Bench& bench, const std::string& store) {
  if (store == "engine") return {.kind = Target::Kind::engine, .name = store};
  if (store == "portal") return {.kind = Target::Kind::portal, .name = store};
  if (store == "os") return {.kind = Target::Kind::operating_system, .name = store};
  if (!store.starts_with('/') || store.find('\0') != std::string::npos) {
    throw bad_argument("store", "there is no trust store \"" + store + "\"",
                       "the stores are engine, portal and os, and Java keystores by their whole path");
  }
  const fs::path real = resolved(store);
  const fs::path state = resolved(bench.appliance.state);
  if (is_below(real, state)) return target_inside(state, real);
  return {.kind = Target::Kind::in_place, .name = real.string()};
}

JavaStore open_java_store(Bench& bench, const Target& target, const std::optional<SecretBytes>& given) {
  JavaStore open;
  if (target.kind == Target::Kind::portal) {
    const backup::Generation& generation = bench.current();
    trust::OpenStore own;
    if (generation.has(trust::portal_store_path)) {
      own = trust::open_portal_store(generation);
      open.sha256 = sha256_hex(generation.read(trust::portal_store_path));
    } else {
      own = trust::portal_store_of(trust::portal_trust_pem(generation), milliseconds_of(bench.now()));
    }
    open.store = std::move(own.store);
    open.password = std::move(own.password);
  } else {
    const SecretBytes bytes = read_secret_file(target.name, java::keystore_limit);
    open.sha256 = sha256_hex(view_of(bytes));
    open.password = given ? *given : usual();
    open.store = java::open_keystore(view_of(bytes), {.source = target.name, .password = &*open.password});
    // Java leaves a store without a password alone when it is given one; so do we.
    if (open.store.integrity == java::Integrity::absent) open.password.reset();
  }
  open.before = open.store;
  return open;
}

java::Keystore look_into(const std::string& path) {
  const SecretBytes bytes = read_secret_file(path, java::keystore_limit);
  const SecretBytes password = usual();
  try {
    return java::open_keystore(view_of(bytes), {.source = path, .password = &password});
  } catch (const Failure& failure) {
    if (failure.code() != "wrong-password") throw;
    return java::open_keystore(view_of(bytes), {.source = path, .accept_absent_integrity = true});
  }
}

java::Keystore look_into(Bench& bench, const Target& target) {
  if (target.kind == Target::Kind::in_place) return look_into(target.name);
  return open_java_store(bench, target, std::nullopt).store;
}

SecretBytes seal_and_compare(const java::Keystore& store, const std::optional<SecretBytes>& password) {
  SecretBytes sealed = java::seal_keystore(store, password ? &*password : nullptr);
  const java::Keystore again =
      java::open_keystore(view_of(sealed), {.source = "the new store", .password = password ? &*password : nullptr});
  if (same_entries(store, again)) return sealed;
  throw Failure(
      {.code = "read-back-differs",
       .subject = std::string(java::name_of(store.type)),
       .cause = "the new store does not say what was meant, so it was not written",
       .hint = "this is a defect worth reporting; chancery keystore verify shows what is odd in the old one"});
}

std::vector<Certificate> imported_into(const java::Keystore& store, const std::vector<trust::ManagedAnchor>& managed) {
  std::vector<Certificate> imported;
  for (const java::Entry& entry : store.entries) {
    if (entry.kind != java::EntryKind::trusted_certificate || entry.certificates.empty()) continue;
    if (std::ranges::find(managed, fingerprint_of(entry), &trust::ManagedAnchor::sha256) == managed.end()) continue;
    imported.push_back(Certificate::from_der(entry.certificates.front().der));
  }
  return imported;
}

void follow(trust::ManagedAnchors& anchors, const std::string& path, const java::Keystore& before,
            const java::Keystore& after, Instant now) {
  const auto had = trusted_by_fingerprint(before);
  const auto has = trusted_by_fingerprint(after);
  std::set<std::string> managed;
  for (const trust::ManagedAnchor& anchor : anchors.of(path)) managed.insert(anchor.sha256);
  for (const auto& [sha256, held] : has) {
    if (had.contains(sha256) && !managed.contains(sha256)) continue;
    anchors.remember({.kind = trust::ManagedAnchor::Kind::keystore,
                      .path = path,
                      .alias = held.alias,
                      .sha256 = sha256,
                      .since = now,
                      .der = held.der->copy()});
  }
  // One that is in neither was wiped by somebody else; it stays managed until it is put back or given up.
  for (const auto& [sha256, held] : had) {
    if (!has.contains(sha256)) anchors.forget(path, sha256);
  }
}

void follow_foreign(Bench& bench, change::Plan& plan) {
  trust::ManagedAnchors anchors = trust::ManagedAnchors::read(bench.current());
  const std::string before = anchors.to_text();
  const SecretBytes password = usual();
  for (const change::ForeignEdit& edit : plan.foreign) {
    if (edit.path.starts_with(std::string(os_places::local_cas) + "/")) {
      for (const trust::ManagedAnchor& anchor : anchors.of(edit.path)) anchors.forget(edit.path, anchor.sha256);
      if (edit.bytes) remember_system_file(anchors, edit.path, view_of(*edit.bytes), bench.now());
      continue;
    }
    try {
      const auto opened = [&](ByteView bytes) {
        return java::open_keystore(bytes, {.source = edit.path, .password = &password});
      };
      const SecretBytes present = read_secret_file(edit.path, java::keystore_limit);
      if (edit.bytes) follow(anchors, edit.path, opened(view_of(present)), opened(view_of(*edit.bytes)), bench.now());
    } catch (const Failure&) {
      // Another password, or a store that is damaged now.
    }
  }
  if (anchors.to_text() != before) change::put_managed_anchors(plan.edits, bench.current(), bench.appliance, anchors);
}

change::Plan plan_java_store(Bench& bench, const Target& target, const JavaStore& store, const std::string& reason) {
  SecretBytes sealed = seal_and_compare(store.store, store.password);
  if (target.kind == Target::Kind::portal) {
    return change::plan_portal_store(bench.current(), bench.appliance, reason, view_of(sealed), *store.password);
  }
  return plan_bytes_in_place(bench, target, store, std::move(sealed), reason);
}

change::Plan plan_bytes_in_place(Bench& bench, const Target& target, const JavaStore& store, SecretBytes sealed,
                                 const std::string& reason) {
  trust::ManagedAnchors anchors = trust::ManagedAnchors::read(bench.current());
  follow(anchors, target.name, store.before, store.store, bench.now());
  std::vector<change::StoreInPlace> stores;
  stores.push_back({.path = target.name, .expected_sha256 = store.sha256, .sealed = std::move(sealed)});
  return change::plan_stores_in_place(bench.current(), bench.appliance, reason, std::move(stores), anchors);
}

}  // namespace chancery::manager
