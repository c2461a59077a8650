// The first generation of an appliance, as bytes per path: policy, trust, and an ad-hoc certificate for every identity.
//
//   Founding founding = found(appliance, authority, ports, clock);   // authority: nullptr on a secondary
//   generations.stage(0, founding.edits, cause);
//
// Writes nothing itself but the certificates it has the authority issue. One thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "appliance/authority/authority.h"
#include "appliance/manager/federation_facts.h"
#include "appliance/settings/appliance.h"
#include "appliance/settings/policy.h"
#include "backup/generations/generations.h"

namespace chancery::manager {

struct Listening {
  std::string host = "0.0.0.0";
  int port_base = 0;  // 0: the default ports
};

struct Founding {
  backup::Edits edits;
  std::optional<FederationFacts> facts;         // primary and single
  std::optional<PrivateKey> authority_tls_key;  // primary and single
  std::vector<Certificate> member_chain;        // primary and single
  SecretBytes customer_key;                     // primary and single
};

[[nodiscard]] Founding found(const Appliance& appliance, authority::Authority* authority, const Listening& listening,
                             Instant now);

// The endpoints of a role with the ports of docs/state.md.
[[nodiscard]] std::vector<Endpoint> founding_endpoints(Role role, const Listening& listening);
// The OS's public CAs with `more` after them, in PEM.
[[nodiscard]] Bytes public_trust(const std::vector<Certificate>& more);

}  // namespace chancery::manager
