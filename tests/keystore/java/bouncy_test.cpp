// BKS, UBER and BCFKS against BouncyCastle itself (Debian's libbcprov-java): each reads what the other wrote.
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "keystore/java/java_keystore.h"
#include "keystore/openssl/digest.h"
#include "tests/keystore/workshop.h"

namespace chancery::java {
namespace {

const SecretBytes key_password = secret_copy(std::string_view("key password"));
const std::string scripts_password = "p\u00e4ss\u4e2d\U0001F600";

SecretBytes password_of(const std::string& name) {
  return secret_copy(name.ends_with("-scripts") ? std::string_view(scripts_password) : std::string_view("changeit"));
}

// The same lines as BouncyStores.java writes.
std::string listing(const Keystore& store) {
  std::vector<std::string> lines;
  for (const Entry& entry : store.entries) {
    std::string line = entry.alias + "\t";
    std::string key;
    std::string_view kind = name_of(entry.kind);
    if (entry.key) {
      const KeyMaterial opened = open_key(store, entry, key_password);
      kind = name_of(opened.kind);
      key = opened.algorithm + " " + sha256_hex(view_of(opened.encoded));
    }
    line += std::string(kind) + "\t";
    for (const StoredCertificate& one : entry.certificates) line += sha256_hex(one.der) + ",";
    lines.push_back(line + "\t" + key);
  }
  // As Java sorts: by UTF-16 units. Characters outside the BMP come before U+E000 there; none of the aliases is above.
  std::sort(lines.begin(), lines.end());
  std::string out;
  for (const std::string& line : lines) out += line + "\n";
  return out;
}

std::string sorted(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  std::sort(lines.begin(), lines.end());
  std::string out;
  for (const std::string& line : lines) out += line + "\n";
  return out;
}

class Bouncy : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    shop = new Workshop;
    shop->run(
        "keytool -genkeypair -alias server -keyalg EC -groupname secp256r1 -dname CN=server -keystore made.p12 "
        "-storepass changeit -storetype PKCS12 && keytool -genkeypair -alias rsa -keyalg RSA -keysize 2048 "
        "-dname CN=rsa -keystore made.p12 -storepass changeit && mkdir theirs ours");
    shop->run(java("make made.p12 theirs"));
  }
  static void TearDownTestSuite() {
    delete shop;
    shop = nullptr;
  }
  static std::string java(const std::string& arguments) {
    return "java -Dorg.bouncycastle.bks.enable_v1=true -cp /usr/share/java/bcprov.jar " CHANCERY_SOURCE_DIR
           "/tests/keystore/java/BouncyStores.java " +
           arguments;
  }
  static Keystore open(const std::string& name) {
    const SecretBytes password = password_of(name);
    return open_keystore(shop->read("theirs/" + name), {.source = name, .password = &password});
  }
  static Workshop* shop;
};
Workshop* Bouncy::shop = nullptr;

const std::vector<std::string> all_names{
    "BKS-empty",      "BKS-few",       "BKS-many",    "BKS-scripts",   "BKS-V1-empty", "BKS-V1-few",  "BKS-V1-many",
    "BKS-V1-scripts", "UBER-empty",    "UBER-few",    "UBER-many",     "UBER-scripts", "BCFKS-empty", "BCFKS-few",
    "BCFKS-many",     "BCFKS-scripts", "BCFKS-small", "BCFKS-wrapped", "BCFKS-scrypt"};

StoreType type_of(const std::string& name) { return type_from_name(name.substr(0, name.find('-'))); }

TEST_F(Bouncy, WhatBouncyCastleWroteIsRead) {
  for (const std::string& name : all_names) {
    SCOPED_TRACE(name);
    EXPECT_EQ(detect(shop->read("theirs/" + name)), type_of(name));
    const Keystore store = open(name);
    EXPECT_EQ(store.integrity, Integrity::verified);
    EXPECT_EQ(listing(store), sorted(shop->text("theirs/" + name + ".listing")));
    for (const Entry& entry : store.entries) EXPECT_GT(entry.created_ms.value_or(0), 1'700'000'000'000);
  }
}

TEST_F(Bouncy, BouncyCastleReadsWhatWeWrote) {
  std::string names;
  for (const std::string& name : all_names) {
    if (type_of(name) == StoreType::uber) continue;
    SCOPED_TRACE(name);
    const SecretBytes password = password_of(name);
    Keystore store = open(name);
    const SecretBytes rewritten = seal_keystore(store, &password);
    shop->write("ours/" + name, text_of(view_of(rewritten)));
    // The same keys sealed by us, into a fresh store of our own choices.
    Keystore fresh{.type = store.type};
    for (const Entry& entry : store.entries) {
      Entry copy = entry;
      if (entry.key) copy.key = seal_key(fresh, open_key(store, entry, key_password), key_password);
      fresh.entries.push_back(std::move(copy));
    }
    shop->write("ours/" + name + "-fresh", text_of(view_of(seal_keystore(fresh, &password))));
    const std::string type = name.starts_with("BKS-V1") ? "BKS-V1" : std::string(name_of(store.type));
    const std::string_view words = text_of(view_of(password));
    names += name + "\t" + type + "\t" + std::string(words) + "\n";
    names += name + "-fresh\t" + std::string(name_of(store.type)) + "\t" + std::string(words) + "\n";
  }
  shop->write("ours/names", names);
  shop->run(java("list ours"));
  for (const std::string& name : all_names) {
    if (type_of(name) == StoreType::uber) continue;
    SCOPED_TRACE(name);
    const std::string theirs = sorted(shop->text("theirs/" + name + ".listing"));
    EXPECT_EQ(sorted(shop->text("ours/" + name + ".listing")), theirs);
    EXPECT_EQ(sorted(shop->text("ours/" + name + "-fresh.listing")), theirs);
  }
}

TEST_F(Bouncy, UberIsReadOnly) {
  const Keystore store = open("UBER-few");
  const SecretBytes password = password_of("UBER-few");
  EXPECT_EQ(code_of([&] { (void)seal_keystore(store, &password); }), "keystore-unsupported");
}

TEST_F(Bouncy, WrongPasswordsOpenNothing) {
  for (const std::string& name : all_names) {
    SCOPED_TRACE(name);
    const SecretBytes wrong = secret_copy(std::string_view("changeit2"));
    EXPECT_EQ(code_of([&] { (void)open_keystore(shop->read("theirs/" + name), {.source = name, .password = &wrong}); }),
              "wrong-password");
  }
  for (const std::string name : {"BKS-few", "UBER-few", "BCFKS-small", "BCFKS-wrapped"}) {
    SCOPED_TRACE(name);
    const Keystore store = open(name);
    const SecretBytes wrong = secret_copy(std::string_view("changeit"));
    for (const Entry& entry : store.entries) {
      if (!entry.key) continue;
      EXPECT_EQ(code_of([&] { (void)open_key(store, entry, wrong); }), "wrong-key-password");
    }
  }
}

TEST_F(Bouncy, WithoutAPasswordOnlyBksIsListed) {
  const Keystore store = open_keystore(shop->read("theirs/BKS-few"), {.source = "BKS-few", .password = nullptr});
  EXPECT_EQ(store.integrity, Integrity::absent);
  EXPECT_EQ(store.entries.size(), 6U);
  for (const std::string name : {"UBER-few", "BCFKS-few"}) {
    EXPECT_EQ(code_of([&] { (void)open_keystore(shop->read("theirs/" + name), {.source = name}); }), "password-needed");
  }
}

TEST_F(Bouncy, AliasesAreComparedExactly) {
  const Keystore store = open("BKS-few");
  ASSERT_NE(find_entry(store, "Root"), nullptr);
  ASSERT_NE(find_entry(store, "root"), nullptr);
  EXPECT_NE(find_entry(store, "Root"), find_entry(store, "root"));
  EXPECT_EQ(find_entry(store, "ROOT"), nullptr);
}

// Cut at every byte, and with every byte changed: an error or the right answer.
TEST_F(Bouncy, DamagedStoresGiveAnErrorOrTheRightAnswer) {
  for (const std::string name : {"BKS-tiny", "UBER-tiny", "BCFKS-small"}) {
    SCOPED_TRACE(name);
    const Bytes whole = shop->read("theirs/" + name);
    const SecretBytes password = password_of(name);
    const Keystore right = open(name);
    const auto is_right = [&](ByteView bytes) {
      try {
        const Keystore store = open_keystore(bytes, {.source = name, .password = &password});
        return store.entries.size() == right.entries.size() &&
               std::equal(store.entries.begin(), store.entries.end(), right.entries.begin(),
                          [](const Entry& left, const Entry& other) {
                            return left.alias == other.alias && left.kind == other.kind &&
                                   (!left.key || left.key->bytes == other.key->bytes);
                          });
      } catch (const Failure& failure) {
        return !failure.hint().empty();
      }
    };
    for (std::size_t size = 0; size < whole.size(); ++size) {
      ASSERT_NE(
          code_of([&] { (void)open_keystore(ByteView(whole).first(size), {.source = name, .password = &password}); }),
          "")
          << size;
    }
    Bytes changed = whole;
    for (std::size_t at = 0; at < whole.size(); ++at) {
      changed[at] = static_cast<std::uint8_t>(changed[at] ^ (1U << (at % 8)));
      ASSERT_TRUE(is_right(changed)) << at;
      changed[at] = whole[at];
    }
  }
}

void put32(Bytes& bytes, std::size_t at, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
}

TEST_F(Bouncy, HostileNumbersAreRefusedBeforeAnythingIsComputed) {
  const double begun = processor_seconds();
  for (const std::string name : {"BKS-few", "UBER-few"}) {
    Bytes bytes = shop->read("theirs/" + name);
    put32(bytes, 28, 0x7fffffff);
    const SecretBytes password = password_of(name);
    EXPECT_EQ(code_of([&] { (void)open_keystore(bytes, {.source = name, .password = &password}); }),
              "keystore-hostile");
  }
  // PBKDF2's count in a BCFKS: the two INTEGERs 16 become 2^31-1 by hand, in the store of few iterations made longer.
  Bytes bytes = shop->read("theirs/BCFKS-few");
  const Bytes count{0x02, 0x03, 0x00, 0xc8, 0x00};
  const Bytes most{0x02, 0x03, 0x7f, 0xff, 0xff};
  for (auto found = bytes.begin();
       (found = std::search(found, bytes.end(), count.begin(), count.end())) != bytes.end();) {
    found = std::copy(most.begin(), most.end(), found);
  }
  const SecretBytes password = password_of("BCFKS-few");
  EXPECT_EQ(code_of([&] { (void)open_keystore(bytes, {.source = "BCFKS", .password = &password}); }),
            "keystore-hostile");
  EXPECT_LT(processor_seconds() - begun, 1.0);
}

}  // namespace
}  // namespace chancery::java
