// Whether a key signed a certificate, without OpenSSL's X509 object of it, whose decoding costs as much as the check. For
// sources (.cpp) only.
//
//   const std::optional<bool> good = is_signed_by_key(der, key);      // nullopt: ask X509_verify
//
// Knows ECDSA and RSA (PKCS#1 v1.5) with SHA-256, SHA-384 and SHA-512 as everybody writes them; answers as X509_verify
// does, over the very bytes that came. Not looked at: names, dates, usages. Thread safety: a pure function.
#pragma once

#include <optional>

#include "keystore/bytes/bytes.h"
#include "keystore/openssl/handles.h"

namespace chancery {

[[nodiscard]] std::optional<bool> is_signed_by_key(ByteView certificate_der, EVP_PKEY* key);

}  // namespace chancery
