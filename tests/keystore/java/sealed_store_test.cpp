// Stores sealed in pieces: whatever was edited, the pieces are the bytes that a store without a file behind it is sealed to,
// and what they hold is looked at.
#include "keystore/java/sealed_store.h"

#include <gtest/gtest.h>

#include "keystore/java/store_edits.h"
#include "tests/keystore/java/java_stores.h"

namespace chancery::java {
namespace {

class InPieces : public ::testing::TestWithParam<JavaStore> {};

SealedStore in_pieces(const Keystore& store, const std::string& password) {
  const SecretBytes given = secret(password);
  return seal_in_pieces(store, &given);
}

// With nothing to take pieces from.
SecretBytes written_anew(Keystore store, const std::string& password) {
  store.memory.reset();
  return sealed(store, password);
}

void expect_as_meant(const SealedStore& pieces, const Keystore& store, const std::string& password) {
  const SecretBytes given = secret(password);
  EXPECT_NO_THROW(expect_sealed(pieces, store, {.source = "file.store", .password = &given}));
}

std::string code_of_expecting(const SealedStore& pieces, const Keystore& store) {
  const SecretBytes given = secret("changeit");
  return code_of([&] { expect_sealed(pieces, store, {.source = "file.store", .password = &given}); });
}

// Each as somebody might do it: what it does to a store.
const std::vector<std::pair<const char*, void (*)(Keystore&)>> edits = {
    {"nothing", [](Keystore&) {}},
    {"one more", [](Keystore& store) { store.entries.push_back(trusted_certificate("new", Bytes(700, 7), 12345)); }},
    {"one of the same certificate",
     [](Keystore& store) {
       if (store.entries.empty() || store.entries[0].certificates.empty()) return;
       store.entries.push_back(trusted_certificate("new", store.entries[0].certificates[0].der, 12345));
     }},
    {"a middle one less",
     [](Keystore& store) {
       if (!store.entries.empty()) store.entries.erase(store.entries.begin() + store.entries.size() / 2);
     }},
    {"another name of the same size",
     [](Keystore& store) {
       if (!store.entries.empty()) store.entries.front().alias.assign(store.entries.front().alias.size(), '~');
     }},
    {"a later date",
     [](Keystore& store) {
       if (!store.entries.empty()) store.entries.front().created_ms = store.entries.front().created_ms.value_or(0) + 1;
     }},
    {"another type",
     [](Keystore& store) {
       if (store.entries.empty() || store.entries[0].certificates.empty()) return;
       store.entries[0].certificates[0].type = "X.510";
     }},
    {"the other way round", [](Keystore& store) { std::ranges::reverse(store.entries); }},
    {"every second one", [](Keystore& store) {
       std::size_t at = 0;
       std::erase_if(store.entries, [&at](const Entry&) { return ++at % 2 == 0; });
     }}};

TEST_P(InPieces, AreTheBytesOfAStoreWrittenAnew) {
  if (GetParam().name == "jceks-hostile") GTEST_SKIP() << "nobody opens it";
  for (const auto& [name, edit] : edits) {
    Keystore store = open_java_store(GetParam().name);
    edit(store);
    const SealedStore pieces = in_pieces(store, GetParam().password);
    expect_as_meant(pieces, store, GetParam().password);
    ASSERT_EQ(pieces.pieces.size(), pieces.kept.size()) << name;
    SealedStore copy = in_pieces(store, GetParam().password);
    EXPECT_TRUE(secret_equal(joined(std::move(copy)), written_anew(store, GetParam().password))) << name;
  }
}

std::string name_of_case(const ::testing::TestParamInfo<JavaStore>& info) {
  std::string name = info.param.name;
  std::ranges::replace(name, '-', '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(Java, InPieces, ::testing::ValuesIn(java_stores), name_of_case);

TEST(SealedStores, TakeWhatStaysFromTheFile) {
  Keystore store = open_java_store("jks-140");
  const SealedStore same = in_pieces(store, "changeit");
  EXPECT_EQ(same.kept, (std::vector<std::size_t>{0, 140, 0}));
  EXPECT_LT(same.frame.size(), 64U);
  delete_entry(store, std::string(store.entries[70].alias));
  store.entries.push_back(trusted_certificate("new", Bytes(700, 7), 12345));
  EXPECT_EQ(in_pieces(store, "changeit").kept, (std::vector<std::size_t>{0, 70, 0, 69, 0}));
  // Very many small pieces would be dearer than writing them.
  std::ranges::reverse(store.entries);
  EXPECT_EQ(in_pieces(store, "changeit").pieces.size(), 1U);
}

TEST(SealedStores, AreComparedWithWhatIsMeant) {
  Keystore store = open_java_store("jks-140");
  store.entries.push_back(trusted_certificate("new", Bytes(700, 7), 12345));
  const auto pieces = [&store] { return in_pieces(store, "changeit"); };
  EXPECT_EQ(code_of_expecting(pieces(), store), "");
  Keystore other = store;
  other.entries.back().alias = "net";
  EXPECT_EQ(code_of_expecting(pieces(), other), "read-back-differs");
  other = store;
  other.entries.back().certificates[0].der = Bytes(700, 8);
  EXPECT_EQ(code_of_expecting(pieces(), other), "read-back-differs");
  other = store;
  other.entries.back().created_ms = 12346;
  EXPECT_EQ(code_of_expecting(pieces(), other), "read-back-differs");
  other = store;
  other.entries.pop_back();
  EXPECT_EQ(code_of_expecting(pieces(), other), "read-back-differs");
  other.entries.insert(other.entries.end(), 2, store.entries.back());
  EXPECT_EQ(code_of_expecting(pieces(), other), "read-back-differs");

  SealedStore changed = pieces();
  changed.kept[1] = 141;
  EXPECT_EQ(code_of_expecting(changed, store), "read-back-differs");
  changed = pieces();
  changed.pieces.pop_back();
  EXPECT_EQ(code_of_expecting(changed, store), "read-back-differs");
  changed = pieces();
  changed.frame[11] ^= 1;  // the count
  EXPECT_EQ(code_of_expecting(changed, store), "read-back-differs");
  changed = pieces();
  changed.frame[0] ^= 1;  // the magic number
  EXPECT_EQ(code_of_expecting(changed, store), "read-back-differs");
  changed = pieces();
  changed.frame[15] ^= 1;  // the kind of the new entry
  EXPECT_EQ(code_of_expecting(changed, store), "keystore-damaged");
}

TEST(SealedStores, OfKeysAreWritten) {
  const Keystore store = open_java_store("jks-keys");
  const SealedStore pieces = in_pieces(store, "changeit");
  Keystore other = store;
  const auto key = std::ranges::find_if(other.entries, [](const Entry& entry) { return entry.key.has_value(); });
  ASSERT_NE(key, other.entries.end());
  key->key->bytes.back() ^= 1;
  EXPECT_EQ(code_of_expecting(pieces, other), "read-back-differs");
  key->key.reset();
  EXPECT_EQ(code_of_expecting(pieces, other), "read-back-differs");
}

}  // namespace
}  // namespace chancery::java
