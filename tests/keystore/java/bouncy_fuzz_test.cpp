// BKS, UBER and BCFKS against mutations of good ones. Seeds of BKS and BCFKS are ours, which BouncyCastle reads
// (bouncy_test.cpp); of UBER, which we do not write, only the frame is good.
#include <gtest/gtest.h>

#include "keystore/java/java_keystore.h"
#include "keystore/x509/der.h"
#include "tests/fuzz/bombard.h"
#include "tests/keystore/java/fuzz/bouncy_targets.h"

namespace chancery::java {
namespace {

const SecretBytes password = secret_copy(std::string_view("fuzz"));

Bytes plain(const SecretBytes& bytes) { return {bytes.begin(), bytes.end()}; }

Keystore small_store(StoreType type) {
  Keystore store{.type = type};
  store.entries.push_back(trusted_certificate("Root", Bytes{0x30, 0x03, 0x02, 0x01, 0x05}, 1'700'000'000'000));
  for (const EntryKind kind : {EntryKind::private_key, EntryKind::secret_key}) {
    Entry entry{.alias = kind == EntryKind::private_key ? "ключ" : "geheim 😀", .kind = kind, .created_ms = 1000};
    if (kind == EntryKind::private_key) entry.certificates = {{.der = Bytes{0x30, 0x00}}};
    entry.key = seal_key(store, {.kind = kind, .algorithm = "AES", .encoded = SecretBytes(16, 3)}, password);
    store.entries.push_back(std::move(entry));
  }
  return store;
}

// What stands inside the encryption of a BCFKS: one entry of a certificate.
Bytes store_data() {
  const auto sequence = [](std::initializer_list<SecretBytes> parts) {
    SecretBytes content;
    for (const SecretBytes& part : parts) append(content, view_of(part));
    return der::wrapped(der::sequence, view_of(content));
  };
  const Bytes zero{0}, one{1}, certificate{0x30, 0x00};
  const SecretBytes time = der::wrapped(0x18, view_of("20261121101500Z"));
  const SecretBytes entry =
      sequence({der::wrapped(der::integer, zero), der::wrapped(der::utf8_string, view_of("Root")), time, time,
                der::wrapped(der::octet_string, certificate), der::wrapped(der::utf8_string, view_of("why"))});
  return plain(sequence({der::wrapped(der::integer, one), sequence({}), time, time, sequence({entry})}));
}

TEST(BouncyFuzz, Bks) {
  Keystore old = small_store(StoreType::bks), empty{.type = StoreType::bks};
  old.version = 1;
  std::vector<Bytes> seeds;
  for (const Keystore& store : {small_store(StoreType::bks), old, empty}) {
    seeds.push_back(plain(seal_keystore(store, &password)));
    EXPECT_EQ(open_keystore(seeds.back(), {.source = "seed", .password = &password}).entries.size(),
              store.entries.size());
  }
  fuzz::bombard("bks", fuzz::bks, seeds);
}
TEST(BouncyFuzz, Bcfks) {
  fuzz::bombard("bcfks", fuzz::bcfks, {plain(seal_keystore(small_store(StoreType::bcfks), &password)), store_data()});
}
TEST(BouncyFuzz, Uber) {
  Bytes seed{0, 0, 0, 1, 0, 0, 0, 20};
  seed.resize(28, 7);
  seed.insert(seed.end(), {0, 0, 0, 2});
  seed.resize(seed.size() + 64, 9);
  EXPECT_EQ(detect(seed), StoreType::uber);
  fuzz::bombard("uber", fuzz::uber, {seed});
}

}  // namespace
}  // namespace chancery::java
