// A private key: RSA, ECDSA P-256/384/521 or Ed25519. A handle to shared, immutable key material in OpenSSL's memory,
// which is wiped when the last handle goes. Not printable; leaves the process only through to_pem.
//
//   PrivateKey key = PrivateKey::generate(KeyType::ecdsa_p256);
//   if (!key.belongs_to(leaf)) …
//
// Thread safety: may be shared between threads.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "keystore/bytes/secret.h"
#include "keystore/x509/certificate.h"

struct evp_pkey_st;  // OpenSSL's EVP_PKEY

namespace chancery {

enum class KeyType { ecdsa_p256, ecdsa_p384, ecdsa_p521, rsa_2048, rsa_3072, rsa_4096, ed25519 };
[[nodiscard]] KeyType key_type_from_name(
    std::string_view name);  // "ecdsa-p256", "rsa-3072", …; Failure("bad-key-type")

class PrivateKey {
 public:
  [[nodiscard]] static PrivateKey generate(KeyType type);
  // PKCS#8 PEM or DER as *we* wrote it (unencrypted). For files of others use read_material.
  [[nodiscard]] static PrivateKey from_pem(ByteView pem);
  [[nodiscard]] static PrivateKey from_ed25519_seed(ByteView seed32);
  [[nodiscard]] static PrivateKey adopt(evp_pkey_st* key);  // takes ownership

  KeyDescription description() const;
  Bytes public_key_der() const;  // SubjectPublicKeyInfo
  Sha256 key_digest() const;     // SHA-256 of the SubjectPublicKeyInfo
  // Proven by a signature: a key file whose public half was exchanged does not pass. Costs one signature.
  bool belongs_to(const Certificate& certificate) const;
  SecretBytes to_pem() const;  // PKCS#8, unencrypted

  // Ed25519: pure. ECDSA and RSA: SHA-256 (RSA as PSS with a 32-byte salt).
  Bytes sign(ByteView message) const;

  evp_pkey_st* native() const noexcept;

 private:
  explicit PrivateKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}
  std::shared_ptr<evp_pkey_st> key_;
};

// Verifies what PrivateKey::sign made, under a SubjectPublicKeyInfo. False for anything wrong, malformed keys included.
[[nodiscard]] bool verify_signature(ByteView public_key_der, ByteView message, ByteView signature) noexcept;

}  // namespace chancery
