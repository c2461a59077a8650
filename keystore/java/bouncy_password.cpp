#include "keystore/java/bouncy_password.h"

#include "keystore/java/java_text.h"
#include "keystore/openssl/handles.h"

namespace chancery::java {

SecretBytes bouncy_password(ByteView utf8) { return utf8.empty() ? SecretBytes{} : utf16_password(utf8, true); }

SecretBytes pkcs12_sha1_bytes(const SecretBytes& password, ByteView salt, std::uint32_t iterations, DerivedFor purpose,
                              std::size_t count) {
  SecretBytes out(count);
  // OpenSSL takes both as not const and changes neither.
  auto* pass = const_cast<unsigned char*>(password.data());
  auto* salted = const_cast<unsigned char*>(salt.data());
  if (PKCS12_key_gen_uni(pass, static_cast<int>(password.size()), salted, static_cast<int>(salt.size()),
                         static_cast<int>(purpose), static_cast<int>(iterations), static_cast<int>(count), out.data(),
                         EVP_sha1()) != 1) {
    throw ossl::openssl_failure("crypto-failed", "key derivation", "check the installation of OpenSSL");
  }
  return out;
}

}  // namespace chancery::java
