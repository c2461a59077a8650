// A join token (join.h says what it is for), read and written:
//
//   "chancery-join-1." base64url( id 16 | seed 32 | pin 32 )        no padding; 16 + 107 characters
//
// Whoever holds it may join once: it is a secret and stays in SecretBytes. Thread safety: a value.
#pragma once

#include "keystore/bytes/secret.h"
#include "keystore/openssl/digest.h"

namespace chancery::federation {

struct JoinToken {
  Bytes id;                // 16 bytes; public, names the token in lists and logs
  SecretBytes seed;        // Ed25519, 32 bytes
  Sha256 authority_pin{};  // SHA-256 of the authority's SubjectPublicKeyInfo
};

[[nodiscard]] SecretBytes write_token(const JoinToken& token);
// White space around it is forgiven, anything else is Failure("token-malformed").
[[nodiscard]] JoinToken read_token(ByteView text);

}  // namespace chancery::federation
