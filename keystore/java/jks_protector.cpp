#include "keystore/java/jks_protector.h"

#include <algorithm>

#include "keystore/java/java_text.h"
#include "keystore/java/old_digest.h"
#include "keystore/java/pkcs8.h"

namespace chancery::java {
namespace {

constexpr std::size_t salt_size = 20;
constexpr std::uint8_t null_parameters[] = {0x05, 0x00};

// XORs the keystream of `salt` over `bytes`.
void apply_keystream(SecretBytes& bytes, ByteView password, ByteView salt) {
  OldDigest sha1(OldDigest::Kind::sha1);
  SecretBytes block(salt.begin(), salt.end());
  for (std::size_t at = 0; at < bytes.size(); at += block.size()) {
    sha1.add(password).add(block).finish(block);
    const std::size_t count = std::min(block.size(), bytes.size() - at);
    for (std::size_t i = 0; i < count; ++i) bytes[at + i] ^= block[i];
  }
}

Sha1 check_of(ByteView password, ByteView pkcs8) {
  Sha1 out;
  OldDigest(OldDigest::Kind::sha1).add(password).add(pkcs8).finish(out);
  return out;
}

}  // namespace

std::optional<SecretBytes> jks_unprotect(ByteView content, ByteView password_utf8) {
  if (content.size() < salt_size + Sha1().size()) return std::nullopt;
  const SecretBytes password = utf16_password(password_utf8);
  const ByteView check = content.last(Sha1().size());
  SecretBytes key = secret_copy(content.subspan(salt_size, content.size() - salt_size - check.size()));
  apply_keystream(key, password, content.first(salt_size));
  if (!secret_equal(check_of(password, key), check)) return std::nullopt;
  return key;
}

SecretBytes jks_protect(ByteView pkcs8, ByteView password_utf8) {
  const SecretBytes password = utf16_password(password_utf8);
  SecretBytes content = random_secret(salt_size);
  SecretBytes key = secret_copy(pkcs8);
  apply_keystream(key, password, content);
  append(content, key);
  append(content, check_of(password, pkcs8));
  return encrypted_key({jks_protector_oid, null_parameters, content});
}

}  // namespace chancery::java
