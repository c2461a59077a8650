// Writes one identity as PKCS#12 (RFC 7292), PBES2/AES-256-CBC with HMAC-SHA-256, readable by OpenSSL 1.1+, Java 8u301+
// and Windows; 10,000 rounds, or 2,048 for a password of 32 characters and more, which only machines make. `chain` is the
// leaf and what stands above it. Failure("cannot-write-pkcs12") when the key is not the leaf's, or the password holds a
// NUL. The full store work (reading aliases, several entries, JKS) is keystore/java.
#pragma once

#include <string>
#include <vector>

#include "keystore/x509/private_key.h"

namespace chancery {

[[nodiscard]] SecretBytes write_pkcs12(const std::string& alias, const PrivateKey& key,
                                       const std::vector<Certificate>& chain, const SecretBytes& password);

}  // namespace chancery
