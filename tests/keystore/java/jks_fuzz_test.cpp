// JKS, JCEKS and the Java objects in it against mutations of good ones. The seeds are ours, which are Java's byte for
// byte (jks_test.cpp, jceks_test.cpp), but with few iterations; a KeyRep is in tests/fuzz/corpus.
#include <gtest/gtest.h>

#include "keystore/java/java_keystore.h"
#include "keystore/java/jceks_protector.h"
#include "keystore/java/jks_protector.h"
#include "keystore/java/pkcs8.h"
#include "keystore/java/sealed_object.h"
#include "tests/fuzz/bombard.h"
#include "tests/keystore/java/fuzz/jks_targets.h"

namespace chancery::java {
namespace {

const SecretBytes password = secret_copy(std::string_view("fuzz"));
// A PrivateKeyInfo of the right shape; nobody decodes it.
const Bytes pkcs8 = {0x30, 0x10, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x04, 1, 2, 3, 4};

Bytes plain(const SecretBytes& bytes) { return {bytes.begin(), bytes.end()}; }

Entry key_entry(StoreType type, EntryKind kind, SecretBytes sealed) {
  Entry entry{.alias = kind == EntryKind::private_key ? "ключ" : "geheim 😀", .kind = kind, .created_ms = 1};
  entry.key = SealedKey{type, std::move(sealed)};
  if (kind == EntryKind::private_key) entry.certificates = {{.der = Bytes(40, 7)}, {.der = Bytes(9, 8), .type = "PGP"}};
  return entry;
}

Keystore small_store(StoreType type) {
  Keystore store{.type = type};
  store.entries.push_back(trusted_certificate("root", Bytes(50, 9), 1'700'000'000'000));
  const PbeSealed sealed = pbe_seal(pkcs8, password, 2);
  store.entries.push_back(key_entry(type, EntryKind::private_key, jks_protect(pkcs8, password)));
  if (type == StoreType::jks) return store;
  store.entries.push_back(
      key_entry(type, EntryKind::private_key, encrypted_key({jceks_protector_oid, sealed.parameters, sealed.content})));
  store.entries.back().alias = "another";
  const SecretBytes key = write_serialised_key({EntryKind::secret_key, "AES", SecretBytes(16, 3)});
  const PbeSealed object = pbe_seal(key, password, 2);
  store.entries.push_back(key_entry(type, EntryKind::secret_key,
                                    write_sealed_object({object.parameters, object.content, jceks_protector_name})));
  return store;
}

std::vector<Bytes> seeds(StoreType type) {
  Keystore store = small_store(type), empty{.type = type}, old{.type = type, .version = 1};
  old.entries.push_back(trusted_certificate("root", Bytes(50, 9), 1));
  std::vector<Bytes> out;
  for (const Keystore* one : {&store, &empty, &old}) out.push_back(plain(seal_keystore(*one, &password)));
  return out;
}

TEST(JavaFuzz, Jks) { fuzz::bombard("jks", fuzz::jks, seeds(StoreType::jks)); }
TEST(JavaFuzz, Jceks) { fuzz::bombard("jceks", fuzz::jceks, seeds(StoreType::jceks)); }
TEST(JavaFuzz, Objects) {
  const PbeSealed sealed = pbe_seal(pkcs8, password, 2);
  fuzz::bombard("java_object", fuzz::java_object,
                {plain(write_sealed_object({sealed.parameters, sealed.content, jceks_protector_name})),
                 plain(write_serialised_key({EntryKind::secret_key, "AES", SecretBytes(16, 3)}))});
}

// The targets open what they are given, and do not merely refuse it.
TEST(JavaFuzz, SeedsAreGoodStores) {
  for (const StoreType type : {StoreType::jks, StoreType::jceks}) {
    for (const Bytes& seed : seeds(type)) {
      const Keystore store = open_keystore(seed, {.source = "seed", .password = &password});
      EXPECT_EQ(store.type, type);
      for (const Entry& entry : store.entries) {
        EXPECT_TRUE(!entry.key || !open_key(store, entry, password).encoded.empty());
      }
    }
  }
}

}  // namespace
}  // namespace chancery::java
