// What a TLS client trusts, presents and demands, built once and used for many connections. Immutable: a change of
// trust is a new context. TLS 1.2 and later, the lists of SecurityProfile.
//
// Host names are checked by names.h's rules against SAN (never CN). `pin` replaces chain and name checks by one
// comparison with the peer's public key. Thread safety: may be shared.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "keystore/fault.h"
#include "keystore/openssl/digest.h"
#include "keystore/x509/certificate.h"
#include "keystore/x509/private_key.h"

struct ssl_ctx_st;

namespace chancery::tls {

struct ClientOptions {
  // PEM bundle whose certificates anchor (intermediates too: partial chains are accepted, as Java and our engine do).
  Bytes trust_pem;
  // An operating system's store (P19, P20): intermediates in it help to build a path, and only self-signed ones anchor.
  bool only_roots_anchor = false;
  std::optional<Sha256> pin;  // SHA-256 of the peer's SubjectPublicKeyInfo
  bool verify_chain = true;   // false: "ignore certificate problems" (P23); the log says so
  bool verify_name = true;    // false: T6; refused by callers where the trust is the public CAs
  // Asked for each certificate that the peer sends, once the chain is good; called on any thread. Empty: none is.
  std::function<bool(const Certificate& certificate)> is_revoked = {};
  // Asked about a leaf whose chain is good: an administrator has named this very certificate, so that it answers to any
  // name (a pinned one may be self-signed, or of version 1 and without a name). Empty: none was named.
  std::function<bool(const Certificate& leaf)> is_named = {};
  std::string minimum_protocol = "TLSv1.2";
  std::vector<std::string> alpn;   // in order of preference
  std::vector<Certificate> chain;  // client certificate, leaf first; empty: none
  std::optional<PrivateKey> key;
};

class ClientContext {
 public:
  // Failure("no-trust") where nothing could ever be verified, "key-mismatch", "bad-profile".
  explicit ClientContext(ClientOptions options);
  const ClientOptions& options() const noexcept;
  ssl_ctx_st* native() const noexcept;

  // What a handshake with a server that sends this chain (leaf first) and is called `name` would end in, by the very
  // code that handshakes use, and by this machine's clock: nullopt where it would be taken. Not judged: whether the
  // server has the leaf's key, and protocol versions.
  [[nodiscard]] std::optional<Fault> judge(const std::vector<Certificate>& sent, const std::string& name) const;
  // This client with some certificates (SHA-256) taken out of its trust; nullopt where nothing is left.
  [[nodiscard]] std::optional<ClientContext> without(const std::set<std::string>& fingerprints) const;

 private:
  friend class Connection;
  struct State;
  std::shared_ptr<const State> state_;
};

}  // namespace chancery::tls
