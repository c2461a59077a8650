// A real handshake with an endpoint, to see what it presents; and the same in memory for what is not running.
//
// probe() verifies nothing: it reports. Callers compare the fingerprint and chain with what they expect.
// Used by the transaction (does every endpoint of the changed identity present the new chain?), `cert list` (what is
// really served), `doctor` and monitoring. For people see diagnosis.h.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "appliance/settings/policy.h"
#include "keystore/x509/private_key.h"

namespace chancery::tls {

struct ProbeResult {
  bool reached = false;  // TCP and, where asked for, STARTTLS went through
  bool handshake = false;
  std::vector<Certificate> chain;  // as sent, leaf first
  std::string protocol;
  std::string problem;  // why not, for people
};

// `name`: SNI. Never throws; `deadline` bounds all of it. `alpn`: "" or one protocol.
[[nodiscard]] ProbeResult probe(const ProbeAddress& address, const std::string& name,
                                std::chrono::milliseconds deadline, const std::string& alpn = "");

// Proves bytes offline: a server with this chain and key and a client that takes any certificate shake hands in memory.
// `problem` is "" when the client saw exactly this chain.
[[nodiscard]] ProbeResult prove_offline(const std::vector<Certificate>& chain, const PrivateKey& key,
                                        const SecurityProfile& profile);

}  // namespace chancery::tls
