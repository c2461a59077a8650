// Between OpenSSL's certificates and our values. For sources of tls/ only.
#pragma once

#include <vector>

#include "keystore/openssl/handles.h"
#include "keystore/x509/certificate.h"

namespace chancery::tls {

[[nodiscard]] Certificate from_native(X509* certificate);
[[nodiscard]] std::vector<Certificate> from_stack(const STACK_OF(X509) * stack);  // nullptr: none
[[nodiscard]] ossl::X509StackPtr to_stack(const Certificate* first, std::size_t count);
// What the other end of `ssl` sent, leaf first.
[[nodiscard]] std::vector<Certificate> peer_chain_of(const SSL* ssl);

}  // namespace chancery::tls
