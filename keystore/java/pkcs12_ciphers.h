// The ciphers of pkcs12_protection.h at work: bytes under a key, by OpenSSL, those that only its legacy provider has as
// well. Internal to keystore/java. Failure("keystore-unsupported") where this machine's OpenSSL has not the cipher. Thread
// safe.
#pragma once

#include <optional>

#include "keystore/java/pkcs12_protection.h"

namespace chancery::java::pkcs12 {

struct KeyAndIv {
  SecretBytes key;
  SecretBytes iv;
};

// nullopt: the padding is not right, so neither is the key.
[[nodiscard]] std::optional<SecretBytes> decrypted(const Cipher& kind, const KeyAndIv& with, ByteView sealed);
// In front of what `out` has.
void encrypt_into(asn1::DerWriter& out, const Cipher& kind, const KeyAndIv& with, ByteView plain);

}  // namespace chancery::java::pkcs12
