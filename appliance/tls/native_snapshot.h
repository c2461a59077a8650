// The OpenSSL side of a ServingSnapshot: per endpoint one prepared context for the web and channels and one for
// members. A handshake moves to one of them in its ClientHello callback, so chain, key, suites and verification store
// come from the same snapshot in one step (server_context.h). For sources of tls/ only. Immutable after build.
#pragma once

#include <map>
#include <string>

#include "appliance/tls/serving_snapshot.h"
#include "keystore/openssl/handles.h"

namespace chancery::tls {

struct NativeEndpoint {
  ossl::SslCtxPtr web;
  ossl::SslCtxPtr member;  // null before joining a federation: the protocol is then unknown
  int minimum_version = 0;
  int web_verify_mode = 0;  // SSL_VERIFY_…
  bool takes_plain_text = false;
};

struct ServingSnapshot::Native {
  std::map<std::string, NativeEndpoint> endpoints;
  Sha256 trust_and_policy{};  // of all endpoints: when it changes, tickets are renewed
};

// What the contexts of a snapshot call back into; set by server_context.cpp.
int select_alpn(SSL* ssl, const unsigned char** out, unsigned char* out_size, const unsigned char* in, unsigned in_size,
                void* argument);

// Builds the native side of one endpoint; Failure("key-mismatch", "bad-profile", "no-trust", "key-weak").
[[nodiscard]] NativeEndpoint make_native(const EndpointSnapshot& endpoint, ByteView trusted_pem,
                                         ByteView member_roots_pem, const Sha256& policy);

}  // namespace chancery::tls
