// JCEKS: the file is described in jks_layout.h; private keys are sealed by jceks_protector.h (those of a JDK 1.1 as in a
// JKS), secret keys too, but inside Java objects (sealed_object.h).
#include "keystore/fault.h"
#include "keystore/java/format.h"
#include "keystore/java/java_serial.h"
#include "keystore/java/jceks_protector.h"
#include "keystore/java/jks_layout.h"
#include "keystore/java/jks_protector.h"
#include "keystore/java/pkcs8.h"
#include "keystore/java/sealed_object.h"

namespace chancery::java {
namespace {

std::size_t sealed_object_size(ByteView bytes, const std::string& source) {
  return read_sealed_object(bytes, source).size;
}

constexpr JksLayout layout{.type = StoreType::jceks, .magic = 0xcececece, .sealed_object_size = sealed_object_size};

bool looks_like(ByteView bytes) { return has_magic(layout, bytes); }
Keystore open(ByteView bytes, const OpenOptions& options) { return open_layout(layout, bytes, options); }
SealedStore seal(const Keystore& store, const SecretBytes* password) { return seal_layout(layout, store, password); }
bool holds(const SealedStore& sealed, const Keystore& intended, const OpenOptions& options) {
  return sealed_holds(layout, sealed, intended, options);
}

std::optional<SecretBytes> unsealed_pkcs8(const EncryptedKeyInfo& info, const Entry& entry, ByteView password) {
  if (info.oid == jks_protector_oid) return jks_unprotect(info.content, password);
  if (info.oid == jceks_protector_oid) return pbe_open(info.parameters, info.content, password, entry.alias);
  fail_unsupported(entry.alias, "its key is sealed by an algorithm that no JCEKS has");
}

KeyMaterial open_private_key(const Entry& entry, ByteView password) {
  const auto info = parse_encrypted_key(entry.key->bytes);
  if (!info) fail_damaged(entry.alias, "its key is no EncryptedPrivateKeyInfo");
  std::optional<SecretBytes> pkcs8 = unsealed_pkcs8(*info, entry, password);
  if (!pkcs8) fail_wrong_key_password(entry.alias);
  // A wrong password may leave a padding that looks right, but no PKCS#8.
  const std::optional<std::string> algorithm = pkcs8_algorithm(*pkcs8);
  if (!algorithm) fail_wrong_key_password(entry.alias);
  return {.kind = EntryKind::private_key, .algorithm = *algorithm, .encoded = std::move(*pkcs8)};
}

KeyMaterial open_secret_key(const Entry& entry, ByteView password) {
  const SealedObject sealed = read_sealed_object(entry.key->bytes, entry.alias);
  if (sealed.algorithm != jceks_protector_name) {
    fail_unsupported(entry.alias, "its key is sealed by an algorithm that no JCEKS has");
  }
  const std::optional<SecretBytes> key = pbe_open(sealed.parameters, sealed.content, password, entry.alias);
  if (!key || !SerialReader::has_header(*key)) fail_wrong_key_password(entry.alias);
  return read_serialised_key(*key, entry.alias);
}

KeyMaterial open_jceks_key(const Keystore&, const Entry& entry, const SecretBytes& key_password) {
  if (!entry.key) fail_unsupported(entry.alias, "has no key");
  if (entry.kind == EntryKind::private_key) return open_private_key(entry, key_password);
  try {
    return open_secret_key(entry, key_password);
  } catch (const Failure& failure) {
    if (failure.code() != "truncated") throw;
    fail_damaged(entry.alias, failure.cause());
  }
}

SealedKey seal_jceks_key(const Keystore&, const KeyMaterial& key, const SecretBytes& key_password) {
  if (key.kind == EntryKind::secret_key) {
    const PbeSealed sealed = pbe_seal(write_serialised_key(key), key_password);
    return {StoreType::jceks, write_sealed_object({sealed.parameters, sealed.content, jceks_protector_name})};
  }
  const PbeSealed sealed = pbe_seal(key.encoded, key_password);
  return {StoreType::jceks, encrypted_key({jceks_protector_oid, sealed.parameters, sealed.content})};
}

}  // namespace

const Format jceks_format{.type = StoreType::jceks,
                          .looks_like = looks_like,
                          .open = open,
                          .seal = nullptr,
                          .seal_in_pieces = seal,
                          .holds = holds,
                          .open_key = open_jceks_key,
                          .seal_key = seal_jceks_key,
                          .folds_alias_case = true};

}  // namespace chancery::java
