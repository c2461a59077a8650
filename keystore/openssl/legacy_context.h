// OpenSSL's old algorithms (RC2, DES, RC4, MD4 …), which PKCS#12 files and keys of others still need for being read.
// They live in a library context of their own, so that nothing else in the process can come to use them. Sources (.cpp)
// only.
#pragma once

#include <openssl/types.h>

namespace chancery::ossl {

// Default and legacy provider; only the default one where legacy.so is not installed. Made at first use, kept for the
// life of the process. Thread safe.
[[nodiscard]] OSSL_LIB_CTX* legacy_context();

}  // namespace chancery::ossl
