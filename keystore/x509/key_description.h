// What a key is called, for certificates, requests and private keys alike. For sources (.cpp) only.
#pragma once

#include "keystore/openssl/handles.h"
#include "keystore/x509/certificate.h"

namespace chancery {

[[nodiscard]] KeyDescription describe(const EVP_PKEY* key);
// Also for keys that OpenSSL cannot decode: then the algorithm's name (or dotted OID) and 0 bits.
[[nodiscard]] KeyDescription describe(X509_PUBKEY* key);

}  // namespace chancery
