// Stores of megabytes: their digest or MAC is made on another processor while they are parsed, and nothing may be told of
// them before it is known.
#include <gtest/gtest.h>

#include "keystore/bytes/ahead.h"
#include "keystore/fault.h"
#include "keystore/java/java_keystore.h"
#include "tests/keystore/workshop.h"

namespace chancery::java {
namespace {

constexpr std::size_t entries = 1'300;

class LargeStore : public ::testing::TestWithParam<StoreType> {
 protected:
  LargeStore() {
    for (std::size_t number = 0; number < entries; ++number) {
      Bytes der(1'000, static_cast<std::uint8_t>(number));  // nobody decodes it
      store.entries.push_back(trusted_certificate("ca-" + std::to_string(number), std::move(der), 1'790'000'000'000));
    }
    sealed = seal_keystore(store, &password);
  }
  Keystore opened(ByteView bytes, const SecretBytes& under) const {
    return open_keystore(bytes, {.source = "store", .password = &under});
  }
  const SecretBytes password = secret_copy("changeit");
  Keystore store{.type = GetParam()};
  SecretBytes sealed;
};

TEST_P(LargeStore, ComesBackAsItWas) {
  ASSERT_GE(sealed.size(), worth_a_thread) << "the test is of no use";
  const Keystore read = opened(sealed, password);
  EXPECT_EQ(read.integrity, Integrity::verified);
  ASSERT_EQ(read.entries.size(), entries);
  for (std::size_t at = 0; at < entries; ++at) {
    EXPECT_EQ(read.entries[at].alias, store.entries[at].alias);
    EXPECT_EQ(read.entries[at].certificates.at(0).der, store.entries[at].certificates[0].der);
  }
  const SecretBytes again = seal_keystore(read, &password);
  EXPECT_EQ(opened(again, password).entries.size(), entries);
}

TEST_P(LargeStore, TheWrongPasswordIsToldAndNothingElse) {
  for (const char* other : {"changeit2", "", "CHANGEIT"}) {
    EXPECT_EQ(code_of([&] { (void)opened(sealed, secret_copy(std::string_view(other))); }), "wrong-password") << other;
  }
}

TEST_P(LargeStore, AFlippedBitIsNeverAStore) {
  // In the middle of what is digested: whatever the parser makes of it, the digest decides.
  for (std::size_t at = 4'096; at + 4'096 < sealed.size(); at += sealed.size() / 24) {
    SecretBytes changed = sealed;
    changed[at] ^= 0x10;
    const std::string code = code_of([&] { (void)opened(changed, password); });
    if (GetParam() == StoreType::pkcs12) {
      EXPECT_EQ(code, "wrong-password") << at;
    } else {
      EXPECT_TRUE(code == "wrong-password" || code == "keystore-damaged" || code == "keystore-hostile") << at << code;
    }
  }
}

TEST_P(LargeStore, OneThatIsCutSaysSo) {
  for (std::size_t size = 1'000; size < sealed.size(); size += sealed.size() / 12) {
    EXPECT_EQ(code_of([&] { (void)opened(view_of(sealed).first(size), password); }), "keystore-damaged") << size;
  }
}

INSTANTIATE_TEST_SUITE_P(Types, LargeStore, ::testing::Values(StoreType::jks, StoreType::jceks, StoreType::pkcs12),
                         [](const auto& tested) { return std::string(name_of(tested.param)); });

}  // namespace
}  // namespace chancery::java
