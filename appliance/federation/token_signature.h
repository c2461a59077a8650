// The signature by which a joiner shows that it holds a token.
//
//   if (!verify_token_signature(token.public_key_der, transcript, signature)) refuse(…);
//
// Ed25519 (RFC 8032) by libsodium, which takes less than half of OpenSSL's time for it, and also refuses public keys of
// small order. False for everything that is not an Ed25519 SubjectPublicKeyInfo (RFC 8410) and a signature of 64 bytes.
// Not checked: whose the key is. Thread safety: pure function.
#pragma once

#include "keystore/bytes/bytes.h"

namespace chancery::federation {

[[nodiscard]] bool verify_token_signature(ByteView public_key_der, ByteView message, ByteView signature) noexcept;

}  // namespace chancery::federation
