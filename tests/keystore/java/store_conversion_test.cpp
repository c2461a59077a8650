#include "keystore/java/store_conversion.h"

#include <gtest/gtest.h>

#include "keystore/java/store_export.h"
#include "tests/keystore/java/store_edits_fixture.h"

namespace chancery::java {
namespace {

class StoreConversionsTest : public StoreEditsTest {};

TEST_P(StoreConversionsTest, ConvertsIntoEveryTypeThatIsWritten) {
  (void)import_leaf();
  (void)import_certificates(store, {pki().chain[1], pki().chain[2]}, {.alias = "corp", .now_ms = now_ms});
  for (const StoreType type : {StoreType::jks, StoreType::jceks, StoreType::pkcs12, StoreType::bks, StoreType::bcfks}) {
    const Conversion done =
        convert_keystore(store, {.type = type,
                                 .key_password = [&](const Entry&) -> const SecretBytes& { return password; },
                                 .new_key_password = [&](const Entry&) -> const SecretBytes& { return other; }});
    const Keystore read = through_the_file(done.store, other);
    ASSERT_EQ(read.type, type);
    ASSERT_EQ(read.entries.size(), 3U) << name_of(type);
    EXPECT_EQ(entry_at(read, "web").certificates.size(), 3U);
    EXPECT_TRUE(to_private_key(open_key(read, entry_at(read, "web"), other), "web").belongs_to(pki().chain[0]));
    EXPECT_EQ(entry_at(read, "corp-2").certificates.front().der, pki().chain[2].der());
    if (type != StoreType::pkcs12) {
      EXPECT_EQ(entry_at(read, "corp-2").created_ms, now_ms) << name_of(type);
    }
  }
}

// From one type: what each type reads and writes is shown by the tests of edits.
INSTANTIATE_TEST_SUITE_P(Types, StoreConversionsTest, ::testing::Values(StoreType::jks));

TEST(StoreConversionTest, FoldedAliasesAreKeptApartAndReported) {
  Keystore store{.type = StoreType::bks};
  for (const char* alias : {"Corp", "corp", "corp-2"}) {
    store.entries.push_back(trusted_certificate(alias, bytes_of(alias), now_ms));
  }
  const Conversion done = convert_keystore(store, {.type = StoreType::jks, .key_password = {}, .new_key_password = {}});
  ASSERT_EQ(done.entries.size(), 3U);
  EXPECT_EQ(done.entries[0].alias, "corp");
  EXPECT_FALSE(done.entries[0].collided);
  EXPECT_EQ(done.entries[1].alias, "corp-2");
  EXPECT_TRUE(done.entries[1].collided);
  EXPECT_EQ(done.entries[2].alias, "corp-2-2");
  EXPECT_TRUE(done.entries[2].collided);
}

TEST(StoreConversionTest, ASecretKeyThatDoesNotFitIsNamed) {
  const SecretBytes password = secret_copy("changeit");
  Keystore store{.type = StoreType::jceks};
  store.entries.push_back(
      {.alias = "aes",
       .kind = EntryKind::secret_key,
       .created_ms = now_ms,
       .key = seal_key(store,
                       {.kind = EntryKind::secret_key, .algorithm = "AES", .encoded = secret_copy("0123456789abcdef")},
                       password)});
  const auto convert = [&](StoreType type) {
    return convert_keystore(store, {.type = type,
                                    .key_password = [&](const Entry&) -> const SecretBytes& { return password; },
                                    .new_key_password = [&](const Entry&) -> const SecretBytes& { return password; }});
  };
  try {
    (void)convert(StoreType::jks);
    FAIL() << "a JKS took a secret key";
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.code(), "key-unsupported");
    EXPECT_EQ(failure.subject(), "aes");
  }
  const Conversion done = convert(StoreType::pkcs12);
  const KeyMaterial key = open_key(done.store, done.store.entries.front(), password);
  EXPECT_EQ(text_of(view_of(key.encoded)), "0123456789abcdef");
  EXPECT_EQ(code_of([&] { (void)export_key(store, store.entries.front(), password, nullptr); }), "key-unsupported");
}

}  // namespace
}  // namespace chancery::java
