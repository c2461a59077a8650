// A SubjectPublicKeyInfo as OpenSSL's key. Points on P-256, P-384 and P-521 and Ed25519 keys, as everybody writes them,
// go around OpenSSL's decoders, which cost more than verifying a signature. For sources (.cpp) only.
//
// nullptr for what cannot be read or has bytes behind it; OpenSSL's error queue may say why. Points are checked to lie on
// their curve. Thread safety: may be called from many threads.
#pragma once

#include "keystore/bytes/bytes.h"
#include "keystore/openssl/handles.h"

namespace chancery {

[[nodiscard]] ossl::KeyPtr decode_public_key(ByteView public_key_der);

}  // namespace chancery
