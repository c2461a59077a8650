#include "appliance/manager/rehearsal_stores.h"

#include <algorithm>

#include "appliance/manager/stores.h"
#include "appliance/rehearsal/trusted_peers.h"
#include "appliance/tls/client_context.h"
#include "appliance/trust/managed_anchors.h"
#include "appliance/trust/portal_store.h"
#include "keystore/trust/os_trust.h"

namespace chancery::manager {
namespace {

using rehearsal::Report;

constexpr const char* kind = "trust-store";

Report judge(const std::string& who, Bytes trust_pem, const std::vector<Certificate>& present,
             const std::vector<Certificate>& candidate) {
  tls::ClientOptions options;
  options.trust_pem = std::move(trust_pem);
  options.verify_name = false;
  if (options.trust_pem.empty()) return {};
  Report report = rehearsal::judge_chain(who, tls::ClientContext(std::move(options)), present, candidate, "");
  for (rehearsal::Entry& entry : report.would_break) entry.kind = kind;
  return report;
}

Report judge_keystore(const std::string& path, const std::vector<Certificate>& present,
                      const std::vector<Certificate>& candidate) {
  try {
    Bytes pem;
    for (const Bytes& der : trust::anchors_of(look_into(path))) {
      const std::string text = Certificate::from_der(der).to_pem();
      pem.insert(pem.end(), text.begin(), text.end());
    }
    return judge(path, std::move(pem), present, candidate);
  } catch (const Failure& failure) {
    if (failure.code() == "not-found") return {};
    Report report;
    report.asked = 1;
    report.silent.push_back({.entry = {.who = path,
                                       .kind = kind,
                                       .reason = "",
                                       .name = "",
                                       .calls = "",
                                       .detail = "nobody can look into it: " + failure.cause()},
                             .predicted = rehearsal::Prediction::unknown});
    return report;
  }
}

// Whether any certificate of the chain is signed by something of the pool: all others need no closer look.
bool may_anchor(const CertificatePool& pool, const std::vector<Certificate>& chain) {
  return std::ranges::any_of(chain, [&](const Certificate& each) {
    return pool.contains(each.fingerprint()) || !pool.with_subject(each.issuer_der()).empty();
  });
}

}  // namespace

Report judge_stores(Bench& bench, const std::vector<Certificate>& present, const std::vector<Certificate>& candidate) {
  Report report;
  if (present.empty()) return report;
  const trust::ManagedAnchors anchors = trust::ManagedAnchors::read(bench.current());
  for (const std::string& path : anchors.keystores()) report.add(judge_keystore(path, present, candidate));
  Bytes bundle = os_trust_bundle();
  CertificatePool system;
  system.add_pem(bundle);
  if (may_anchor(system, present)) report.add(judge("operating-system", std::move(bundle), present, candidate));
  return report;
}

}  // namespace chancery::manager
