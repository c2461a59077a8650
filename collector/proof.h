// Proofs by a connection of their own: that a collector can live with one root alone (architecture.md, "Rotation's proof"),
// or with another server and trust altogether (C9). A full handshake that `context` alone decides, a hello signed by the
// collector's own key on that very session, and the server's proof of the Customer Key.
//
//   prove(server, proof_context(…), identity, customer_keys, root.fingerprint(), stop_descriptor);
//   prove_reach(server, read_trust(candidate, …).context, identity, customer_keys, stop_descriptor);
//
// prove() also tells the engine the root's name, which that says back once it has noted it; prove_reach() takes a portal's
// assignment for a proof as well. At most half a minute. Failures of tls/connection.h ("untrusted-root": the server's chain
// does not end there), "customer-key-wrong", "timeout"; "stopped" when the stop descriptor became readable.
#pragma once

#include "collector/dialogue.h"

namespace chancery::collector {

void prove(const tls::Target& server, const tls::ClientContext& context, const OwnIdentity& identity,
           const CustomerKeyring& customer_keys, const std::string& root, int stop_descriptor);

void prove_reach(const tls::Target& server, const tls::ClientContext& context, const OwnIdentity& identity,
                 const CustomerKeyring& customer_keys, int stop_descriptor);

}  // namespace chancery::collector
