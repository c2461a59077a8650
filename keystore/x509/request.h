// A certificate signing request (PKCS#10, RFC 2986) as a value. Nothing in it is believed: an issuer takes names and
// usages from its own policy and only the public key from here.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "keystore/x509/private_key.h"

namespace chancery {

class CertificateRequest {
 public:
  // CN = the first name's value if it fits 64 bytes, else empty; all names as SAN.
  [[nodiscard]] static CertificateRequest make(const PrivateKey& key, const std::vector<AlternativeName>& names);
  [[nodiscard]] static CertificateRequest from_der(ByteView der);  // Failure("not-a-request"); bounded at 64 KiB
  [[nodiscard]] static CertificateRequest from_pem(ByteView pem);

  const Bytes& der() const noexcept;
  std::string to_pem() const;
  const std::string& subject() const noexcept;
  const std::vector<AlternativeName>& names() const noexcept;
  const KeyDescription& key() const noexcept;
  const Bytes& public_key_der() const noexcept;
  const Sha256& key_digest() const noexcept;
  bool is_self_signature_valid() const;

 private:
  struct State;
  explicit CertificateRequest(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

}  // namespace chancery
