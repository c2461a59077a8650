#include "appliance/manager/os_anchors.h"

#include <unistd.h>

#include "keystore/openssl/digest.h"
#include "keystore/trust/os_trust.h"
#include "keystore/x509/certificate_pool.h"

namespace chancery::manager {
namespace {

constexpr std::size_t file_limit = 1024 * 1024;

SecretBytes file_of(const trust::ManagedAnchor& anchor) {
  return secret_copy(view_of(Certificate::from_der(anchor.der).to_pem()));
}

}  // namespace

std::vector<OsAnchorState> os_anchor_states(Bench& bench) {
  std::vector<OsAnchorState> states;
  CertificatePool system;
  const trust::ManagedAnchors anchors = trust::ManagedAnchors::read(bench.current());
  for (const trust::ManagedAnchor& anchor : anchors.all()) {
    if (anchor.kind != trust::ManagedAnchor::Kind::operating_system) continue;
    if (system.size() == 0) system.add_pem(os_trust_bundle());
    OsAnchorState state;
    state.anchor = anchor;
    if (::access(anchor.path.c_str(), F_OK) == 0) {
      const SecretBytes present = read_secret_file(anchor.path, file_limit);
      state.file_sha256 = sha256_hex(view_of(present));
      CertificatePool held;
      held.add_pem(view_of(present));
      state.is_file_right = held.size() == 1 && held.contains(anchor.sha256);
    }
    state.is_in_bundle = system.contains(anchor.sha256);
    states.push_back(std::move(state));
  }
  return states;
}

change::ForeignEdit edit_that_restores(const OsAnchorState& state) {
  return {.path = state.anchor.path, .expected_sha256 = state.file_sha256, .bytes = file_of(state.anchor)};
}

}  // namespace chancery::manager
