// A client's judgement of its peer's chain, made inside the handshake so that nothing is sent to a peer that fails it.
// Anchors are looked up by name in a CertificatePool, so a bundle of 144 roots costs what the chain at hand costs.
// For sources of tls/ only.
#pragma once

#include <optional>
#include <string>

#include "appliance/tls/client_context.h"
#include "keystore/fault.h"
#include "keystore/x509/certificate_pool.h"

struct ssl_st;
struct x509_store_ctx_st;
struct ssl_ctx_st;

namespace chancery::tls {

// One per connection, at a fixed address while its SSL lives.
struct PeerCheck {
  const ClientOptions* options = nullptr;
  const CertificatePool* anchors = nullptr;
  std::string host;            // the name the certificate must answer to
  bool verified = false;       // chain and name (or pin) passed, whether or not they had to
  std::optional<Fault> fault;  // why not
};

void install_peer_check(ssl_ctx_st* context);
void set_peer_check(ssl_st* ssl, PeerCheck* check);
// The judgement itself: `store` holds the chain as it was sent (leaf first, as its untrusted certificates) and the
// client's parameters. nullopt: chain and name (or pin) pass.
[[nodiscard]] std::optional<Fault> judge_peer(x509_store_ctx_st* store, const PeerCheck& check);

}  // namespace chancery::tls
