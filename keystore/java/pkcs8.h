// The two outer structures of a private key in Java's stores: PrivateKeyInfo and EncryptedPrivateKeyInfo (RFC 5208).
// Views into the input; keys are not decoded. Thread safety: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "keystore/bytes/bytes.h"
#include "keystore/bytes/secret.h"

namespace chancery::java {

// What Java calls the key's algorithm: "RSA", "RSASSA-PSS", "DSA", "EC", "DH", "Ed25519", "Ed448", "X25519", "X448"; the
// dotted OID for others; nullopt where the bytes are no PrivateKeyInfo, or something follows it.
[[nodiscard]] std::optional<std::string> pkcs8_algorithm(ByteView pkcs8);

struct EncryptedKeyInfo {
  std::string_view oid;  // content of the OBJECT IDENTIFIER
  ByteView parameters;   // what follows it in the AlgorithmIdentifier, whole; may be empty
  ByteView content;
};
[[nodiscard]] std::optional<EncryptedKeyInfo> parse_encrypted_key(ByteView der);
[[nodiscard]] SecretBytes encrypted_key(const EncryptedKeyInfo& info);

}  // namespace chancery::java
