// JKS, Java's own store until JDK 9: the file is described in jks_layout.h, its keys in jks_protector.h.
#include "keystore/fault.h"
#include "keystore/java/format.h"
#include "keystore/java/jks_layout.h"
#include "keystore/java/jks_protector.h"
#include "keystore/java/pkcs8.h"

namespace chancery::java {
namespace {

constexpr JksLayout layout{.type = StoreType::jks, .magic = 0xfeedfeed, .sealed_object_size = nullptr};

bool looks_like(ByteView bytes) { return has_magic(layout, bytes); }
Keystore open(ByteView bytes, const OpenOptions& options) { return open_layout(layout, bytes, options); }
SealedStore seal(const Keystore& store, const SecretBytes* password) { return seal_layout(layout, store, password); }
bool holds(const SealedStore& sealed, const Keystore& intended, const OpenOptions& options) {
  return sealed_holds(layout, sealed, intended, options);
}

KeyMaterial open_jks_key(const Keystore&, const Entry& entry, const SecretBytes& key_password) {
  if (!entry.key) fail_unsupported(entry.alias, "has no key");
  const auto info = parse_encrypted_key(entry.key->bytes);
  if (!info) fail_damaged(entry.alias, "its key is no EncryptedPrivateKeyInfo");
  if (info->oid != jks_protector_oid)
    fail_unsupported(entry.alias, "its key is sealed by an algorithm that no JKS has");
  std::optional<SecretBytes> pkcs8 = jks_unprotect(info->content, key_password);
  if (!pkcs8) fail_wrong_key_password(entry.alias);
  const std::optional<std::string> algorithm = pkcs8_algorithm(*pkcs8);
  if (!algorithm) fail_damaged(entry.alias, "its key is not PKCS#8");
  return {.kind = EntryKind::private_key, .algorithm = *algorithm, .encoded = std::move(*pkcs8)};
}

SealedKey seal_jks_key(const Keystore&, const KeyMaterial& key, const SecretBytes& key_password) {
  if (key.kind != EntryKind::private_key) {
    throw Failure({.code = "key-unsupported",
                   .subject = key.algorithm,
                   .cause = "is a secret key, which a JKS cannot hold",
                   .hint = "use a store of type PKCS12 or JCEKS for it"});
  }
  return {.sealed_by = StoreType::jks, .bytes = jks_protect(key.encoded, key_password)};
}

}  // namespace

const Format jks_format{.type = StoreType::jks,
                        .looks_like = looks_like,
                        .open = open,
                        .seal = nullptr,
                        .seal_in_pieces = seal,
                        .holds = holds,
                        .open_key = open_jks_key,
                        .seal_key = seal_jks_key,
                        .folds_alias_case = true};

}  // namespace chancery::java
