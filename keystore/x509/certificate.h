// An X.509 certificate as an immutable value (RFC 5280). Cheap to copy; equality is equality of the DER.
//
//   Certificate leaf = Certificate::from_der(der);
//   leaf.fingerprint();      // lower-case hex SHA-256 of the DER
//
// from_der throws Failure("not-a-certificate") for anything that is not exactly one certificate (trailing bytes are
// "trailing-bytes"). It does *not* check signatures, dates, names or usage: that is appliance/preflight. Strings are
// safe to print: control and non-UTF-8 bytes (and backslashes) come out as \xNN. What cannot be read allows nothing: an
// unreadable date is never valid, an unreadable extension is listed as unknown, a key of an unknown kind has its OID as
// type and 0 bits. At most 1 MiB. Thread safety: a value; may be shared between threads.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "keystore/bytes/bytes.h"
#include "keystore/openssl/digest.h"
#include "keystore/x509/instant.h"
#include "keystore/x509/names.h"

struct x509_st;  // OpenSSL's X509

namespace chancery {

struct KeyDescription {
  std::string type;  // "RSA", "EC P-256", "EC P-384", "EC P-521", "Ed25519", or OpenSSL's name of anything else
  int bits = 0;
};

class Certificate {
 public:
  [[nodiscard]] static Certificate from_der(ByteView der);

  const Bytes& der() const noexcept;
  const std::string& fingerprint() const noexcept;
  std::string to_pem() const;  // LF line ends, final newline

  const std::string& subject() const noexcept;  // RFC 4514: "CN=portal,O=Example"
  const std::string& issuer() const noexcept;
  const std::string& common_name() const noexcept;  // last CN, or ""
  // The names in a canonical form (der::canonical_name): equal bytes where X509_NAME_cmp says equal.
  const Bytes& subject_der() const noexcept;
  const Bytes& issuer_der() const noexcept;
  const std::string& serial() const noexcept;  // lower-case hex
  const std::vector<AlternativeName>& names() const noexcept;
  Instant not_before() const noexcept;
  Instant not_after() const noexcept;
  const KeyDescription& key() const noexcept;
  const Sha256& key_digest() const noexcept;                // SHA-256 of the SubjectPublicKeyInfo
  int version() const noexcept;                             // 1, 2 or 3
  const std::string& signature_algorithm() const noexcept;  // "ecdsa-with-SHA256"
  const std::string& signature_digest() const noexcept;     // "SHA256", "SHA1", "MD5"; "" for Ed25519

  bool is_ca() const noexcept;  // basicConstraints CA:TRUE; for v1 certificates: false
  std::optional<int> path_length() const noexcept;
  bool is_self_issued() const noexcept;  // issuer name == subject name
  bool is_self_signed() const noexcept;  // self-issued, and its own key verifies its signature
  bool has_key_usage() const noexcept;
  bool may_sign_certificates() const noexcept;  // keyUsage absent or keyCertSign
  // Extended key usages as dotted OIDs; empty when the extension is absent (any use), "unreadable" when it is broken.
  const std::vector<std::string>& extended_key_usages() const noexcept;
  // Dotted OIDs of critical extensions that we do not process, and of those we process (critical or not) that are
  // broken or stand there twice.
  const std::vector<std::string>& unknown_critical_extensions() const noexcept;
  const Bytes& subject_key_id() const noexcept;    // empty when absent
  const Bytes& authority_key_id() const noexcept;  // keyIdentifier only; empty when absent

  // True when `issuer`'s key verifies this certificate's signature and the names chain. Dates and usage are not looked
  // at.
  bool is_signed_by(const Certificate& issuer) const;

  x509_st* native() const noexcept;  // borrowed; never to be changed

  friend bool operator==(const Certificate& left, const Certificate& right) noexcept {
    return left.fingerprint() == right.fingerprint();
  }

 private:
  struct State;
  explicit Certificate(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

}  // namespace chancery
