// JKS and what it shares with JCEKS: stores made by Java are read as Java reads them, and Java reads ours.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "keystore/bytes/cursor.h"
#include "keystore/java/java_text.h"
#include "keystore/java/jks_protector.h"
#include "keystore/java/old_digest.h"
#include "tests/keystore/java/java_stores.h"

namespace chancery::java {
namespace {

using ::testing::AnyOf;

// As Java would have written it: the digest of `content` under "changeit" behind it.
Bytes digested(Bytes content) {
  Sha1 digest;
  OldDigest(OldDigest::Kind::sha1)
      .add(utf16_password(view_of("changeit")))
      .add(view_of("Mighty Aphrodite"))
      .add(content)
      .finish(digest);
  content.insert(content.end(), digest.begin(), digest.end());
  return content;
}

std::string code_of_opening(const Bytes& bytes, const char* password = "changeit") {
  if (password != nullptr) return code_of([&] { (void)open_bytes(bytes, password); });
  return code_of([&] { (void)open_keystore(bytes, {.source = "file.store"}); });
}

class JavaStores : public ::testing::TestWithParam<JavaStore> {};

TEST_P(JavaStores, AreReadAsJavaReadsThem) {
  const JavaStore& made = GetParam();
  const std::string java = java_workshop().text(made.name + ".txt");
  ASSERT_EQ(java.starts_with("java: "), !made.java_reads_it) << java;
  if (!made.java_reads_it) return;  // each has a test of its own
  const Bytes bytes = java_store_bytes(made.name);
  EXPECT_EQ(detect(bytes), type_from_name(made.type));
  const Keystore store = open_bytes(bytes, made.password);
  EXPECT_EQ(store.integrity, Integrity::verified);
  EXPECT_EQ(description(store, made.key_password), java);

  // Written again without a change, it is the same file, byte for byte.
  EXPECT_EQ(secret_equal(sealed(store, made.password), bytes), made.name != "jks-twice");

  const Keystore unchecked = open_keystore(bytes, {.source = "file.store"});
  EXPECT_EQ(unchecked.integrity, Integrity::absent);
  EXPECT_EQ(unchecked.entries.size(), store.entries.size());
  EXPECT_EQ(code_of([&] { (void)open_bytes(bytes, made.password + "x"); }), "wrong-password");
  for (const Entry& entry : store.entries) {
    if (!entry.key) continue;
    EXPECT_EQ(code_of([&] { (void)open_key(store, entry, secret("wrong")); }), "wrong-key-password") << entry.alias;
  }
}

INSTANTIATE_TEST_SUITE_P(All, JavaStores, ::testing::ValuesIn(java_stores), [](const auto& one) {
  std::string name = one.param.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST(OurStores, AreReadByJava) {
  const Workshop ours;
  write_list(ours);
  std::map<std::string, std::string> expected;
  for (const JavaStore& made : java_stores) {
    if (!made.java_reads_it) continue;
    Keystore store = open_java_store(made.name);
    for (Entry& entry : store.entries) {
      if (!entry.key) continue;
      const SecretBytes before = entry.key->bytes;
      entry.key = seal_key(store, open_key(store, entry, secret(made.key_password)), secret(made.key_password));
      EXPECT_NE(entry.key->bytes, before) << "a new salt";
    }
    ours.write(made.name + ".store", text_of(sealed(store, made.password)));
    expected[made.name] = description(store, made.key_password);
  }
  run_java(ours, "describe");
  ASSERT_GT(expected.size(), 18U);
  for (const auto& [name, text] : expected) {
    EXPECT_EQ(ours.text(name + ".txt"), text) << name;
    EXPECT_EQ(text, java_workshop().text(name + ".txt")) << name;
  }
}

TEST(Jks, SizesAreThoseOfTheFixtures) {
  EXPECT_EQ(open_java_store("jks-empty").entries.size(), 0U);
  EXPECT_EQ(open_java_store("jks-one").entries.size(), 1U);
  EXPECT_EQ(open_java_store("jks-140").entries.size(), 140U);
  EXPECT_EQ(open_java_store("jceks-10000").entries.size(), 10'000U);
  EXPECT_EQ(open_java_store("jks-v1").version, 1);
  EXPECT_EQ(open_java_store("jks-keys").version, 2);
  EXPECT_EQ(find_entry(open_java_store("jks-names"), "İSTANBUL") != nullptr, true);
}

TEST(Jks, FindsAliasesInAnyCase) {
  const Keystore store = open_java_store("jks-names");
  for (const char* alias : {"KÄSE", "КЛЮЧ", "İSTANBUL", "ΟΔΟΣ", "οδος", "😀 BEYOND the bmp 𝔄"}) {
    EXPECT_NE(find_entry(store, alias), nullptr) << alias;
  }
  EXPECT_EQ(find_entry(store, "istanbul"), nullptr) << "without the dot above it is another name, as in Java";
}

TEST(Jks, TheLaterOfTwoSameAliasesWins) {
  const Keystore store = open_java_store("jks-twice");
  ASSERT_EQ(store.entries.size(), 3U);
  EXPECT_EQ(store.entries.back().alias, "same");
  EXPECT_NE(store.entries.back().certificates[0].der, open_java_store("jks-one").entries[0].certificates[0].der);
}

TEST(Jks, CertificatesOfOtherTypesAreCarriedAlong) {
  const Keystore store = open_java_store("jks-odd");
  ASSERT_NE(find_entry(store, "pgp"), nullptr);
  EXPECT_EQ(find_entry(store, "pgp")->certificates[0].type, "PGP");
  EXPECT_EQ(text_of(find_entry(store, "pgp")->certificates[0].der), "not a certificate");
  EXPECT_EQ(find_entry(store, "named")->certificates[0].type, "Bärtig");
  EXPECT_TRUE(secret_equal(sealed(store, "changeit"), java_store_bytes("jks-odd")));
}

TEST(Jks, VersionOneStaysUnlessItCannotHoldTheStore) {
  Keystore store = open_java_store("jks-v1");
  store.entries[0].certificates[0].type = "PGP";
  const Keystore again = open_bytes(sealed(store, "changeit"), "changeit");
  EXPECT_EQ(again.version, 2);
  EXPECT_EQ(again.entries[0].certificates[0].type, "PGP");
}

TEST(Jks, PasswordsChangeWithoutTouchingKeys) {
  const Keystore store = open_java_store("jks-keys");
  const SecretBytes bytes = sealed(store, "neues Wort");
  EXPECT_EQ(code_of([&] { (void)open_bytes(bytes, "changeit"); }), "wrong-password");
  EXPECT_EQ(description(open_bytes(bytes, "neues Wort"), java_store("jks-keys").key_password),
            java_workshop().text("jks-keys.txt"));
}

TEST(Jks, WhatItCannotHoldIsRefused) {
  Keystore store = open_java_store("jks-small");
  EXPECT_EQ(code_of([&] { (void)seal_keystore(store, nullptr); }), "password-needed");
  EXPECT_EQ(code_of([&] { (void)sealed(store, "\xff"); }), "bad-encoding");
  KeyMaterial key;
  key.kind = EntryKind::secret_key;
  key.algorithm = "AES";
  EXPECT_EQ(code_of([&] { (void)seal_key(store, key, secret("changeit")); }), "key-unsupported");
  Entry secret_entry;
  secret_entry.kind = EntryKind::secret_key;
  secret_entry.key = SealedKey{StoreType::jks, secret("x")};
  store.entries.push_back(secret_entry);
  EXPECT_EQ(code_of([&] { (void)sealed(store, "changeit"); }), "keystore-unsupported");
  store.entries.back() = *find_entry(open_java_store("jceks-small"), "key");
  EXPECT_EQ(code_of([&] { (void)sealed(store, "changeit"); }), "keystore-unsupported") << "sealed for a JCEKS";
  store.entries.back() = Entry{.alias = "none"};
  EXPECT_EQ(code_of([&] { (void)sealed(store, "changeit"); }), "keystore-unsupported");
}

// ---- hostile files

TEST(JksHostile, CutAnywhereIsAnError) {
  for (const char* name : {"jks-small", "jceks-small"}) {
    const Bytes bytes = java_store_bytes(name);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const Bytes cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
      for (const char* password : {"changeit", static_cast<const char*>(nullptr)}) {
        const std::string code = code_of_opening(cut, password);
        ASSERT_THAT(code, AnyOf("keystore-damaged", "not-a-keystore", "keystore-hostile")) << name << " " << size;
      }
    }
    Bytes longer = bytes;
    longer.push_back(0);
    EXPECT_EQ(code_of_opening(longer), "keystore-damaged");
  }
}

TEST(JksHostile, AFlippedBitIsAnErrorOrTheRightAnswer) {
  for (const char* name : {"jks-small", "jceks-small"}) {
    Bytes bytes = java_store_bytes(name);
    const Keystore right = open_bytes(bytes, "changeit");
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      for (const std::uint8_t flip : Bytes{0x01, 0x40, 0x80, 0xff}) {
        bytes[at] ^= flip;
        ASSERT_NE(code_of_opening(bytes), "") << name << " " << at;
        // Without a password nothing is promised but that it comes back, and says that nothing was checked.
        try {
          const Keystore unchecked = open_keystore(bytes, {.source = "file.store"});
          ASSERT_EQ(unchecked.integrity, Integrity::absent);
          const Entry* entry = find_entry(unchecked, "key");
          const Entry* before = find_entry(right, "key");
          // The key of a JKS has its own digest; that of a JCEKS none, and each costs 20,000 MD5.
          if (unchecked.type == StoreType::jks && entry != nullptr && entry->key) {
            const std::string code = code_of([&] {
              const KeyMaterial key = open_key(unchecked, *entry, secret("changeit"));
              EXPECT_EQ(key.encoded, open_key(right, *before, secret("changeit")).encoded) << at;
            });
            ASSERT_THAT(code, AnyOf("", "wrong-key-password", "keystore-damaged", "keystore-unsupported")) << at;
          }
        } catch (const Failure& failure) {
          ASSERT_FALSE(failure.hint().empty());
        }
        bytes[at] ^= flip;
      }
    }
    EXPECT_EQ(code_of_opening(bytes), "");
  }
}

Writer hostile_header(std::uint32_t version, std::uint32_t count) {
  Writer out;
  out.u32(0xfeedfeed).u32(version).u32(count);
  return out;
}

Bytes finished(Writer& out) {
  const SecretBytes bytes = out.take();
  return digested(Bytes(bytes.begin(), bytes.end()));
}

TEST(JksHostile, CountsAndLengthsAreNotBelieved) {
  for (const std::uint32_t count : {0xffffffffU, 0x7fffffffU, 200'001U}) {
    Writer out = hostile_header(2, count);
    EXPECT_EQ(code_of_opening(finished(out)), "keystore-hostile") << count;
  }
  for (const std::uint32_t count : {1U, 200'000U}) {
    Writer out = hostile_header(2, count);
    EXPECT_EQ(code_of_opening(finished(out)), "keystore-damaged") << count;
  }
  for (const std::uint32_t size : {0xffffffffU, 0x80000000U, 0x7fffffffU, 1U}) {
    Writer out = hostile_header(1, 1);
    out.u32(2).u16(0).u64(0).u32(size);
    EXPECT_EQ(code_of_opening(finished(out)), size > 0x7fffffff ? "keystore-hostile" : "keystore-damaged") << size;
  }
  for (const std::uint32_t count : {0xffffffffU, 101U, 100U}) {
    Writer out = hostile_header(1, 1);
    out.u32(1).u16(0).u64(0).u32(0).u32(count);
    for (int i = 0; i < 101; ++i) out.u32(0);
    EXPECT_EQ(code_of_opening(finished(out)), count > 100 ? "keystore-hostile" : "keystore-damaged") << count;
  }
  for (const std::uint32_t version : {0U, 3U, 0xffffffffU}) {
    Writer out = hostile_header(version, 0);
    EXPECT_EQ(code_of_opening(finished(out)), "keystore-unsupported") << version;
  }
  for (const std::uint32_t tag : {0U, 3U, 4U, 0xffffffffU}) {
    Writer out = hostile_header(1, 1);
    out.u32(tag).u16(0).u64(0).u32(0);
    EXPECT_EQ(code_of_opening(finished(out)), "keystore-damaged") << tag;
  }
  Writer right = hostile_header(1, 1);
  right.u32(2).u16(0).u64(0).u32(0);
  EXPECT_EQ(code_of_opening(finished(right)), "") << "the files above differ from this one in one field each";
}

TEST(JksHostile, ManyCertificatesInChainsAreTooMany) {
  Writer out = hostile_header(1, 2'000);
  for (int entry = 0; entry < 2'000; ++entry) {
    out.u32(1).u16(0).u64(0).u32(0).u32(100);
    for (int i = 0; i < 100; ++i) out.u32(0);
  }
  EXPECT_EQ(code_of_opening(finished(out)), "keystore-hostile");
}

TEST(JksProtector, RefusesShortContent) {
  for (std::size_t size = 0; size < 40; ++size) EXPECT_FALSE(jks_unprotect(Bytes(size), view_of("x")));
}

}  // namespace
}  // namespace chancery::java
