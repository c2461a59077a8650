// How a JKS seals a private key (and a JCEKS of JDK 1.1 did): EncryptedPrivateKeyInfo with the algorithm
// 1.3.6.1.4.1.42.2.17.1.1, whose content is
//
//   salt (20) · PKCS#8 XOR keystream · SHA-1(password · PKCS#8)
//
// with the keystream SHA-1(password · salt), SHA-1(password · the 20 bytes before), … and the password as UTF-16BE.
// Weak (one SHA-1 a guess), but it is what JKS is. Thread safety: pure functions.
#pragma once

#include <optional>
#include <string_view>

#include "keystore/bytes/secret.h"

namespace chancery::java {

inline constexpr std::string_view jks_protector_oid = "\x2b\x06\x01\x04\x01\x2a\x02\x11\x01\x01";

// nullopt: the password is wrong, or the content was altered.
[[nodiscard]] std::optional<SecretBytes> jks_unprotect(ByteView content, ByteView password_utf8);
[[nodiscard]] SecretBytes jks_protect(ByteView pkcs8, ByteView password_utf8);  // EncryptedPrivateKeyInfo

}  // namespace chancery::java
