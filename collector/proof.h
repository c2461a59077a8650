// The proof that a collector can live with one root alone (architecture.md, "Rotation's proof"): a full handshake with
// its engine that only `context` (proof_context) decides, a hello signed by its own key on that very session, and the
// root's name, which the engine says back once it has noted it.
//
//   prove(server, proof_context(…), identity, customer_key, root.fingerprint(), stop_descriptor);
//
// At most half a minute. Failures of tls/connection.h ("untrusted-root": the engine's chain does not end at that root),
// "customer-key-wrong", "timeout"; "stopped" when the stop descriptor became readable.
#pragma once

#include "collector/dialogue.h"

namespace chancery::collector {

void prove(const tls::Target& server, const tls::ClientContext& context, const OwnIdentity& identity,
           const SecretBytes& customer_key, const std::string& root, int stop_descriptor);

}  // namespace chancery::collector
