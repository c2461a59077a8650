// What the operating system's stores hold but do not trust for servers. Internal to keystore/trust.
#pragma once

#include <set>
#include <string>

#include "keystore/bytes/bytes.h"
#include "keystore/openssl/digest.h"

namespace chancery::trust_store {

// SHA-256 of the DER of every certificate that p11-kit's sources below `root` distrust.
[[nodiscard]] std::set<Sha256> distrusted_by_p11_kit(const std::string& root);

// The same of the objects in one file of p11-kit's own format that say "x-distrusted: true".
[[nodiscard]] std::set<Sha256> distrusted_objects(ByteView file);

// DER of a TRUSTED CERTIFICATE block: does its trust setting allow server authentication? True where it has none.
[[nodiscard]] bool allows_server_authentication(ByteView trusted_certificate);

}  // namespace chancery::trust_store
