// What BouncyCastle's own stores make of a password. Internal to keystore/java.
//
// BKS and UBER: PKCS#12's key derivation with SHA-1 (RFC 7292, appendix B) over the password as BMPString with its two
// terminating zeros; an empty password is no bytes at all. BCFKS: PBKDF2 or scrypt over that password and, behind it in the
// same encoding, the name of what the key is for. Thread safety: pure functions.
#pragma once

#include <string_view>

#include "keystore/bytes/secret.h"

namespace chancery::java {

enum class DerivedFor : int { key = 1, iv = 2, mac = 3 };  // the "ID" of RFC 7292, B.3

[[nodiscard]] SecretBytes bouncy_password(ByteView utf8);
[[nodiscard]] SecretBytes pkcs12_sha1_bytes(const SecretBytes& password, ByteView salt, std::uint32_t iterations,
                                            DerivedFor purpose, std::size_t count);

}  // namespace chancery::java
