// Keys made on this appliance that wait for their certificate (pending/<identity>/key.pem, docs/state.md).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "appliance/manager/bench.h"
#include "keystore/x509/private_key.h"

namespace chancery::manager {

struct PendingKey {
  std::string identity;
  PrivateKey key;
  bool is_request = true;  // false: the key in force of that identity, for a certificate renewed under it

  std::string folder() const { return "pending/" + identity; }
};

// The key that one of `candidates` (the certificates given, any order) was made for: a pending request's, also one that
// a later request replaced, looked for in the generations kept; else the key in force of one of `identities`, for a CA
// that renewed the certificate under the same key. nullopt: none of them.
[[nodiscard]] std::optional<PendingKey> find_waiting_key(Bench& bench, const std::vector<Certificate>& candidates,
                                                         const std::vector<std::string>& identities);

// The key of a request that waits for one of `identities`, whatever certificate it gets; for saying that the one given
// is not it.
[[nodiscard]] std::optional<PendingKey> requested_key(Bench& bench, const std::vector<std::string>& identities);

}  // namespace chancery::manager
