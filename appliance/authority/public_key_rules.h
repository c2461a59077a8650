// Which public keys may stand in a certificate of ours: RSA of 2048 to 8192 bits with an odd exponent of 3 or more,
// EC points on P-256, P-384 or P-521 written uncompressed on the named curve, and Ed25519.
#pragma once

#include "keystore/bytes/bytes.h"

namespace chancery::authority {

enum class PublicKeyKind { rsa, ec, ed25519 };

// The kind of this SubjectPublicKeyInfo. Failure("key-weak") for weak keys, odd parameters, encodings that are not the
// canonical DER, points off their curve, and all other kinds. Not checked: whether anybody holds the private half (that
// is a CSR's self-signature), or known broken generators.
[[nodiscard]] PublicKeyKind check_public_key(ByteView public_key_der);

}  // namespace chancery::authority
