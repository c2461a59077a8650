// JCEKS: keys under PBEWithMD5AndTripleDES, and Java objects of exactly the classes that keys are made of.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "keystore/java/java_serial.h"
#include "keystore/java/jceks_protector.h"
#include "keystore/java/jks_protector.h"
#include "keystore/java/pkcs8.h"
#include "keystore/java/sealed_object.h"
#include "tests/keystore/java/java_stores.h"

namespace chancery::java {
namespace {

using ::testing::AnyOf;

Bytes replaced(Bytes bytes, std::string_view from, std::string_view to) {
  const ByteView wanted = view_of(from);
  const auto at = std::search(bytes.begin(), bytes.end(), wanted.begin(), wanted.end());
  EXPECT_NE(at, bytes.end()) << from;
  if (at != bytes.end()) std::copy(to.begin(), to.end(), at);
  return bytes;
}

// The sealed object of an entry, as the file has it.
Bytes object_of(const std::string& store, const std::string& alias) {
  const Keystore opened = open_java_store(store);
  const Entry* entry = find_entry(opened, alias);
  if (entry == nullptr) throw std::runtime_error("no entry " + alias);
  return {entry->key->bytes.begin(), entry->key->bytes.end()};
}

TEST(Jceks, SealedObjectsAreWrittenAsJavaWritesThem) {
  for (const char* alias : {"aes", "hmac", "des3", "pbe"}) {
    const Bytes bytes = object_of("jceks-secrets", alias);
    const SealedObject object = read_sealed_object(bytes, "file.store");
    EXPECT_EQ(object.size, bytes.size());
    EXPECT_EQ(object.algorithm, "PBEWithMD5AndTripleDES");
    EXPECT_TRUE(secret_equal(write_sealed_object(object), bytes)) << alias;
  }
}

TEST(Jceks, SecretKeysAreOpened) {
  const Keystore store = open_java_store("jceks-secrets");
  const SecretBytes password = secret(java_store("jceks-secrets").key_password);
  const auto opened = [&](const char* alias) { return open_key(store, *find_entry(store, alias), password); };
  EXPECT_EQ(opened("des3").algorithm, "DESede");
  EXPECT_EQ(opened("pbe").algorithm, "PBEWithMD5AndDES");
  EXPECT_EQ(text_of(opened("pbe").encoded), "a password");
  EXPECT_EQ(opened("hmac").algorithm, "HmacSHA256");
  EXPECT_EQ(opened("hmac").encoded, SecretBytes(100));
}

TEST(Jceks, ThePublicClassOfOldStoresIsReadToo) {
  // JDK 17 does not: of what it refuses, only this is no danger.
  Keystore store = open_java_store("jceks-plain");
  const SecretBytes password = secret("another password");
  const KeyMaterial key = open_key(store, store.entries.at(0), password);
  EXPECT_EQ(key.algorithm, "AES");
  EXPECT_EQ(text_of(key.encoded), "0123456789abcdef");
  EXPECT_TRUE(secret_equal(sealed(store, "changeit"), java_store_bytes("jceks-plain")));
  store.entries[0].key = seal_key(store, key, password);
  const Workshop shop;
  shop.write("new.store", text_of(sealed(store, "changeit")));
  shop.write("list.tsv", "new\tJCEKS\tchangeit\tanother password\n");
  run_java(shop, "describe");
  EXPECT_EQ(shop.text("new.txt"), description(store, "another password"));
}

TEST(Jceks, JavaRefusesTheForeignClassesThatWeRefuse) {
  EXPECT_EQ(code_of([] { (void)open_java_store("jceks-hostile"); }), "keystore-hostile");
  EXPECT_EQ(code_of([] { (void)open_keystore(java_store_bytes("jceks-hostile"), {.source = "file.store"}); }),
            "keystore-hostile");
  const Keystore inside = open_java_store("jceks-inside");
  EXPECT_EQ(code_of([&] { (void)open_key(inside, inside.entries[0], secret("another password")); }),
            "keystore-hostile");
}

TEST(Jceks, EveryFieldOfEveryClassMustBeJavas) {
  const Bytes good = object_of("jceks-small", "secret");
  const auto code = [](const Bytes& bytes) { return code_of([&] { (void)read_sealed_object(bytes, "file.store"); }); };
  ASSERT_EQ(code(good), "");
  EXPECT_EQ(code(replaced(good, "com.sun.crypto.provider.Sealed", "com.sun.crypto.provider.Healed")),
            "keystore-hostile");
  EXPECT_EQ(code(replaced(good, "javax.crypto.SealedObject", "javax.crypto.HealedObject")), "keystore-hostile");
  EXPECT_EQ(code(replaced(good, "\x3e\x36\x3d\xa6", "\x3e\x36\x3d\xa7")), "keystore-hostile");
  EXPECT_EQ(code(replaced(good, "encodedParams", "decodedParams")), "keystore-hostile");
  EXPECT_EQ(code(replaced(good, "Ljava/lang/String;", "Ljava/lang/Object;")), "keystore-hostile");
  EXPECT_EQ(code(replaced(good, "[B\xac\xf3", "[C\xac\xf3")), "keystore-hostile");
  // Every bit of the classes' own bytes; those of parameters, content and names are the last part.
  const std::size_t values = text_of(good).find("[B\xac");
  ASSERT_NE(values, std::string_view::npos);
  for (std::size_t at = 0; at < values; ++at) {
    Bytes bad = good;
    bad[at] ^= 1;
    EXPECT_THAT(code(bad), AnyOf("keystore-hostile", "truncated")) << at;
  }
  for (std::size_t size = 0; size < good.size(); ++size) {
    const Bytes cut(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_EQ(code(cut), "truncated") << size;
  }
}

TEST(Jceks, ReferencesMustLeadToTexts) {
  // Both names of the algorithm are one text, which old JDKs wrote as a reference to the first.
  Bytes bytes = object_of("jceks-small", "secret");
  const std::size_t text_size = 3 + jceks_protector_name.size();
  bytes.resize(bytes.size() - text_size);
  const auto with_reference = [&](std::uint8_t number) {
    Bytes out = bytes;
    for (const std::uint8_t byte : {std::uint8_t{0x71}, std::uint8_t{0}, std::uint8_t{0x7e}, std::uint8_t{0}, number})
      out.push_back(byte);
    return out;
  };
  std::size_t right = 0;
  for (std::uint8_t number = 0; number < 40; ++number) {
    const std::string code = code_of([&] {
      if (read_sealed_object(with_reference(number), "x").algorithm == jceks_protector_name) ++right;
    });
    EXPECT_THAT(code, AnyOf("", "keystore-hostile")) << int{number};
  }
  EXPECT_EQ(right, 1U);
}

TEST(Jceks, PartsWithoutEndAreRefused) {
  // A class that lists itself as its parent, and strings without end, end at the expected class.
  SerialWriter out;
  const SerialClass empty{
      .name = "javax.crypto.SealedObject", .version = 0x3e363da6c3b75470, .flags = 2, .fields = {}, .parent = nullptr};
  out.begin_object(empty);
  const SecretBytes bytes = out.take();
  EXPECT_EQ(code_of([&] { (void)read_sealed_object(bytes, "x"); }), "keystore-hostile");
}

TEST(Jceks, KeysThatAreNoSecretKeysAreRefused) {
  const SerialField fields[] = {{'L', "algorithm", "Ljava/lang/String;"}, {'[', "key", "[B"}};
  const SerialClass spec{.name = "javax.crypto.spec.SecretKeySpec",
                         .version = 0x5b470b66e230614d,
                         .flags = 2,
                         .fields = fields,
                         .parent = nullptr};
  const auto code = [&](std::string_view algorithm, bool longer) {
    SerialWriter out;
    out.begin_object(spec);
    out.string(algorithm);
    out.byte_array(view_of("0123456789abcdef"));
    SecretBytes bytes = out.take();
    if (longer) bytes.push_back(0);
    return code_of([&] { (void)read_serialised_key(bytes, "secret"); });
  };
  EXPECT_EQ(code("AES", false), "");
  EXPECT_EQ(code("AES", true), "keystore-hostile");
  EXPECT_EQ(code("", false), "keystore-hostile");
  EXPECT_EQ(code("A\nES", false), "keystore-hostile");
  EXPECT_EQ(code(std::string(129, 'A'), false), "keystore-hostile");
}

TEST(Jceks, IterationsAreReadBeforeTheyAreComputed) {
  const auto code = [](const char* hex) {
    const double before = processor_seconds();
    const std::string out = code_of([&] { (void)pbe_open(from_hex(hex), Bytes(8), view_of("x"), "key"); });
    EXPECT_LT(processor_seconds() - before, 1);
    return out;
  };
  EXPECT_EQ(code("300f04080102030405060708020300ffff"), "");
  EXPECT_EQ(code("300f040801020304050607080203"
                 "4c4b41"),
            "keystore-hostile")
      << "5,000,001";
  EXPECT_EQ(code("301404080102030405060708"
                 "02087fffffffffffffff"),
            "keystore-hostile");
  EXPECT_EQ(code("301504080102030405060708"
                 "0209"
                 "00ffffffffffffffff"),
            "keystore-hostile");
  EXPECT_EQ(code("300d04080102030405060708"
                 "020100"),
            "keystore-damaged")
      << "none at all";
  EXPECT_EQ(code("300d04080102030405060708"
                 "0201ff"),
            "keystore-damaged")
      << "a negative number";
  EXPECT_EQ(code("300c040701020304050607"
                 "020102"),
            "keystore-damaged")
      << "a short salt";
  EXPECT_EQ(code("300e04080102030405060708"
                 "02010200"),
            "keystore-damaged");
  EXPECT_EQ(code(""), "keystore-damaged");
  const Bytes parameters = from_hex(
      "300d04080102030405060708"
      "020102");
  for (const std::size_t size : {0U, 1U, 7U, 9U}) {
    EXPECT_EQ(code_of([&] { (void)pbe_open(parameters, Bytes(size), view_of("x"), "key"); }), "keystore-damaged");
  }
}

TEST(Jceks, WhatIsSealedIsOpened) {
  for (const std::uint64_t iterations : {1U, 2U, 127U, 128U, 32768U}) {
    for (const std::size_t size : {0U, 1U, 7U, 8U, 9U, 1000U}) {
      const PbeSealed sealed = pbe_seal(Bytes(size, 'k'), view_of("password"), iterations);
      const auto opened = pbe_open(sealed.parameters, sealed.content, view_of("password"), "key");
      ASSERT_TRUE(opened);
      EXPECT_EQ(*opened, SecretBytes(size, 'k'));
      if (size < 9) break;
    }
  }
}

TEST(Jceks, AKeySealedAsInAJksIsReadByBoth) {
  Keystore store = open_java_store("jceks-small");
  Entry& entry = *find_entry(store, "key");
  const KeyMaterial key = open_key(store, entry, secret("changeit"));
  entry.key = SealedKey{StoreType::jceks, jks_protect(key.encoded, view_of("changeit"))};
  EXPECT_EQ(open_key(store, entry, secret("changeit")).encoded, key.encoded);
  EXPECT_EQ(code_of([&] { (void)open_key(store, entry, secret("other")); }), "wrong-key-password");

  const Workshop shop;
  shop.write("old.store", text_of(sealed(store, "changeit")));
  shop.write("list.tsv", "old\tJCEKS\tchangeit\tchangeit\n");
  run_java(shop, "describe");
  EXPECT_EQ(shop.text("old.txt"), description(store, "changeit"));
}

TEST(Jceks, UnknownSealsAreUnsupported) {
  Keystore store = open_java_store("jceks-small");
  Entry& entry = *find_entry(store, "key");
  entry.key = SealedKey{StoreType::jceks, encrypted_key({"\x2a\x03", {}, Bytes(16)})};
  EXPECT_EQ(code_of([&] { (void)open_key(store, entry, secret("changeit")); }), "keystore-unsupported");
  entry.key = SealedKey{StoreType::jceks, secret("garbage")};
  EXPECT_EQ(code_of([&] { (void)open_key(store, entry, secret("changeit")); }), "keystore-damaged");
  Entry& secret_entry = *find_entry(store, "secret");
  const SealedObject object = read_sealed_object(secret_entry.key->bytes, "x");
  secret_entry.key = SealedKey{StoreType::jceks, write_sealed_object({object.parameters, object.content, "AES"})};
  EXPECT_EQ(code_of([&] { (void)open_key(store, secret_entry, secret("changeit")); }), "keystore-unsupported");
  entry.key.reset();
  EXPECT_EQ(code_of([&] { (void)open_key(store, entry, secret("changeit")); }), "keystore-unsupported");
}

// What keytool itself makes, and makes of ours.
TEST(Keytool, AgreesOnBothTypes) {
  const Workshop shop;
  shop.run(
      "export LC_ALL=C.UTF-8 JAVA_TOOL_OPTIONS=-XX:TieredStopAtLevel=1; "
      "keytool -genkeypair -alias Schlüssel -keyalg EC -dname CN=x -storetype JKS -keystore a.jks -storepass changeit "
      "-keypass keypass && "
      "keytool -genkeypair -alias k -keyalg EC -dname CN=x -storetype JCEKS -keystore a.jceks -storepass changeit "
      "-keypass keypass && "
      "keytool -genseckey -alias s -keyalg AES -keysize 256 -storetype JCEKS -keystore a.jceks -storepass changeit "
      "-keypass keypass");
  for (const char* name : {"a.jks", "a.jceks"}) {
    Keystore store = open_bytes(shop.read(name), "changeit");
    for (Entry& entry : store.entries) {
      const KeyMaterial key = open_key(store, entry, secret("keypass"));
      EXPECT_THAT(key.algorithm, AnyOf("EC", "AES"));
      entry.key = seal_key(store, key, secret("keypass"));
    }
    shop.write(std::string("our-") + name, text_of(sealed(store, "changeit")));
  }
  const Keystore jks = open_bytes(shop.read("a.jks"), "changeit");
  EXPECT_NE(find_entry(jks, "SCHLÜSSEL"), nullptr);
  shop.run(
      "export LC_ALL=C.UTF-8 JAVA_TOOL_OPTIONS=-XX:TieredStopAtLevel=1; "
      "keytool -list -v -keystore a.jks -storepass changeit >a && "
      "keytool -list -v -keystore our-a.jks -storepass changeit >b && cmp a b && "
      "keytool -certreq -alias schlüssel -keystore our-a.jks -storepass changeit -keypass keypass && "
      "keytool -certreq -alias k -keystore our-a.jceks -storetype JCEKS -storepass changeit -keypass keypass");
}

}  // namespace
}  // namespace chancery::java
