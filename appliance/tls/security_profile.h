// A SecurityProfile (settings/policy.h) as OpenSSL settings, for servers and clients alike. The built-in lists: TLS 1.2
// and 1.3, only AEAD suites with forward secrecy, AES-128-GCM first, X25519 before P-256 and P-384; no renegotiation,
// no compression, buffers given back while a connection is idle.
#pragma once

#include <string>

struct ssl_ctx_st;

namespace chancery::tls {

// Common ground of every context we make: modes, options, built-in lists.
void apply_defaults(ssl_ctx_st* context);

// OpenSSL lists; `ciphers` may mix TLS 1.2 names and TLS 1.3 suites (TLS_…); empty keeps the built-in list.
// Failure("bad-profile") with `subject` for what OpenSSL does not know, for suites without encryption or without a
// certificate, and for a lower security level. A cipher list that names only suites of one
// protocol keeps the built-in list of the other.
struct ProtocolLists {
  std::string minimum_protocol = "TLSv1.2";
  std::string ciphers = {};
  std::string groups = {};
};
void apply_lists(ssl_ctx_st* context, const ProtocolLists& lists, const std::string& subject);
// The same judgement, where nothing is to be set yet.
void expect_lists(const ProtocolLists& lists, const std::string& subject);

// 0x0303 or 0x0304; Failure("bad-profile") for anything else.
int protocol_version(const std::string& name, const std::string& subject);

}  // namespace chancery::tls
