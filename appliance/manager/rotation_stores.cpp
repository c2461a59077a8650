#include "appliance/manager/rotation_stores.h"

#include <algorithm>
#include <set>

#include "appliance/manager/stores.h"
#include "appliance/trust/managed_anchors.h"
#include "appliance/trust/portal_store.h"
#include "keystore/trust/os_trust.h"
#include "keystore/x509/certificate_pool.h"

namespace chancery::manager {
namespace {

using trust::ManagedAnchor;

constexpr const char* engine_bundle = "trust/engine/ca-bundle.crt";

struct Pair {
  const Certificate& coming;
  const Certificate& going;
};

std::optional<Certificate> found_in(const CertificatePool& pool, const Certificate& wanted) {
  for (const Certificate& each : pool.with_subject(wanted.subject_der())) {
    if (each == wanted) return each;
  }
  return std::nullopt;
}

StoreStanding standing_of(const std::string& who, const CertificatePool& pool, const Pair& roots,
                          const std::string& hint) {
  StoreStanding standing{.who = who, .coming = found_in(pool, roots.coming), .why = "", .hint = hint};
  if (!standing.coming) standing.why = "it holds the root that goes, and not the one that comes";
  return standing;
}

CertificatePool pool_of(const java::Keystore& store) {
  CertificatePool pool;
  for (const Bytes& der : trust::anchors_of(store)) pool.add_der(der);
  return pool;
}

std::string append_hint(const std::string& store) {
  return "chancery authority root > root.pem; chancery trust append root.pem --store " + store;
}

void look_into_own(std::vector<StoreStanding>& all, Bench& bench, const Pair& roots) {
  if (bench.current().has(engine_bundle)) {
    CertificatePool pool;
    pool.add_pem(bench.current().read(engine_bundle));
    if (pool.contains(roots.going.fingerprint())) {
      all.push_back(standing_of(engine_bundle, pool, roots, append_hint("engine")));
    }
  }
  if (!bench.current().has(trust::portal_store_path)) return;
  const CertificatePool pool = pool_of(trust::open_portal_store(bench.current()).store);
  if (pool.contains(roots.going.fingerprint())) {
    all.push_back(standing_of(trust::portal_store_path, pool, roots, append_hint("portal")));
  }
}

void look_into_keystore(std::vector<StoreStanding>& all, const std::string& path, const Pair& roots) {
  const std::string hint = append_hint(path);
  try {
    const CertificatePool pool = pool_of(look_into(path));
    // One that lost it by somebody's hand or an update needs it no more; the doctor tells that.
    if (pool.contains(roots.going.fingerprint())) all.push_back(standing_of(path, pool, roots, hint));
  } catch (const Failure& failure) {
    if (failure.code() == "not-found") return;
    all.push_back({.who = path, .coming = {}, .why = "nobody can look into it: " + failure.cause(), .hint = hint});
  }
}

}  // namespace

std::vector<StoreStanding> store_standings(Bench& bench, const Certificate& coming, const Certificate& going) {
  const Pair roots{coming, going};
  std::vector<StoreStanding> all;
  look_into_own(all, bench, roots);
  std::set<std::string> keystores;
  bool is_in_system = false;
  const trust::ManagedAnchors anchors = trust::ManagedAnchors::read(bench.current());
  for (const ManagedAnchor& anchor : anchors.all()) {
    if (anchor.sha256 != going.fingerprint()) continue;
    if (anchor.kind == ManagedAnchor::Kind::operating_system) is_in_system = true;
    if (anchor.kind == ManagedAnchor::Kind::keystore) keystores.insert(anchor.path);
  }
  for (const std::string& path : keystores) look_into_keystore(all, path, roots);
  if (is_in_system) {
    CertificatePool system;
    system.add_pem(os_trust_bundle());
    all.push_back(
        standing_of("os", system, roots, "chancery authority root > root.pem; chancery trust os-install root.pem"));
  }
  return all;
}

}  // namespace chancery::manager
