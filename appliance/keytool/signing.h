// Keys and signatures as keytool makes them: key pairs, certificates and requests, signed by names of algorithms that
// Java knows.
//
//   SigningKey key = SigningKey::generate({.algorithm = "EC", .group = "secp256r1"});
//   Bytes signature = key.sign(body, "SHA256withECDSA");
//
// Thread safety: none needed.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "keystore/bytes/bytes.h"
#include "keystore/bytes/secret.h"

struct evp_pkey_st;

namespace chancery::keytool {

struct KeyWish {
  std::string algorithm;             // -keyalg: RSA, DSA, EC, EdDSA, Ed25519, Ed448
  int size = -1;                     // -keysize; -1: Java's default
  std::optional<std::string> group;  // -groupname
};

class SigningKey {
 public:
  // Failures in Java's words for what cannot be made.
  [[nodiscard]] static SigningKey generate(const KeyWish& wish);
  [[nodiscard]] static SigningKey from_pkcs8(ByteView pkcs8);

  [[nodiscard]] Bytes public_info() const;  // SubjectPublicKeyInfo
  [[nodiscard]] SecretBytes pkcs8() const;
  [[nodiscard]] std::string default_signature() const;  // Java's choice for such a key
  [[nodiscard]] Bytes sign(ByteView message, const std::string& signature) const;

 private:
  explicit SigningKey(evp_pkey_st* key);
  std::shared_ptr<evp_pkey_st> key_;
};

// The AlgorithmIdentifier of a signature; Failure for a name nobody knows.
[[nodiscard]] Bytes signature_algorithm_der(const std::string& signature);
// body, algorithm, signature: what certificates and requests are made of.
[[nodiscard]] Bytes signed_der(ByteView body, const SigningKey& key, const std::string& signature);

// The curve that Java takes for -keyalg EC -keysize; Failure where there is none.
[[nodiscard]] std::string curve_of_size(int bits);

}  // namespace chancery::keytool
