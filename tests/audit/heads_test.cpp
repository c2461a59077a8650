#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "appliance/audit/held_heads.h"
#include "appliance/storage/database.h"
#include "tests/control/temporary.h"

namespace chancery::audit {
namespace {

using nlohmann::json;
using test::failure_of;

constexpr std::int64_t day = 86'400;

class Heads : public ::testing::Test {
 protected:
  SignedHead head(std::int64_t number, std::uint8_t fill = 1) const {
    Head plain{.appliance = "engine.test", .number = number, .hash = {}, .time = now_};
    plain.hash.fill(fill);
    return sign_head(keys_, newest_, plain);
  }
  static HeldHeads held_in(const Folder& folder, const Instant& now) {
    return {std::make_unique<storage::Database>(storage::Database::open(folder, "heads.db", HeldHeads::schema())),
            [&now] { return now; }};
  }
  void rotate() {
    PrivateKey next = PrivateKey::generate(KeyType::ed25519);
    keys_.push_back(endorse(newest_, next));
    newest_ = next;
  }
  static std::vector<std::int64_t> numbers(const std::vector<SignedHead>& heads) {
    std::vector<std::int64_t> all;
    for (const SignedHead& each : heads) all.push_back(each.head.number);
    return all;
  }

  test::TemporaryFolder place_;
  Folder folder_ = Folder::open(place_.path());
  Instant now_{std::chrono::seconds(20'000 * day)};
  PrivateKey newest_ = PrivateKey::generate(KeyType::ed25519);
  std::vector<AuditKey> keys_{{.public_key = newest_.public_key_der(), .endorsement = {}}};
};

TEST_F(Heads, GoThroughJsonAndEveryChangedFieldIsNoticed) {
  rotate();
  const SignedHead made = head(7);
  EXPECT_TRUE(made.is_genuine());
  const json document = to_json(made);
  const auto read = signed_head_from(document);
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->is_genuine());
  EXPECT_EQ(made.head, read->head);
  const std::string other_hash(64, '2');
  for (const auto& [field, value] : std::vector<std::pair<std::string, json>>{
           {"appliance", "other.test"}, {"number", 8}, {"hash", other_hash}, {"time", 1}}) {
    json forged = document;
    forged[field] = value;
    const auto shown = signed_head_from(forged);
    ASSERT_TRUE(shown) << field;
    EXPECT_FALSE(shown->is_genuine()) << field;
  }
  json unendorsed = document;
  unendorsed["keys"].erase(0);
  EXPECT_FALSE(signed_head_from(unendorsed)->is_genuine());
}

TEST_F(Heads, WhatIsNoHeadIsNone) {
  const json good = to_json(head(7));
  for (const char* field : {"appliance", "number", "hash", "time", "keys", "signature"}) {
    for (const json& value : {json(nullptr), json("zz"), json(-1), json::array(), json::object()}) {
      json bad = good;
      bad[field] = value;
      const auto read = signed_head_from(bad);
      EXPECT_TRUE(!read || !read->is_genuine()) << field << " " << value;
    }
  }
  json many = good;
  for (int count = 0; count < 40; ++count) many["keys"].push_back(good["keys"][0]);
  EXPECT_FALSE(signed_head_from(many));
  EXPECT_FALSE(signed_head_from(json("text")));
}

TEST_F(Heads, AWeekIsKeptWholeThenTheFirstAndTheLastOfEachDay) {
  HeldHeads held = held_in(folder_, now_);
  for (std::int64_t number = 1; number <= 40; ++number) {
    held.take("engine.test", head(number));
    now_ += std::chrono::hours(6);  // four a day, from midnight on
  }
  std::vector<std::int64_t> expected{1, 4, 5, 8, 9, 12};
  for (std::int64_t number = 13; number <= 40; ++number) expected.push_back(number);
  EXPECT_EQ(expected, numbers(held.of("engine.test")));
  EXPECT_TRUE(held.of("other.test").empty());
}

TEST_F(Heads, AFloodPushesNoneOut) {
  HeldHeads held = held_in(folder_, now_);
  for (std::int64_t number = 1; number <= 300; ++number) held.take("engine.test", head(number));
  std::vector<std::int64_t> kept = numbers(held.of("engine.test"));
  ASSERT_EQ(200U, kept.size());
  EXPECT_EQ(1, kept.front());
  EXPECT_EQ(199, kept[198]);
  EXPECT_EQ(300, kept.back());
  for (std::int64_t number = 1; number <= 300; ++number) {
    EXPECT_EQ("audit-went-back", failure_of([&] { held.take("engine.test", head(number, 9)); }).code());
  }
  EXPECT_EQ(400U, held.of("engine.test").size());
}

TEST_F(Heads, TheNewestBeforeARebuildStays) {
  HeldHeads held = held_in(folder_, now_);
  for (std::int64_t number = 1; number <= 3; ++number) held.take("engine.test", head(number));
  for (std::int64_t number = 1'000'000; number <= 1'000'003; ++number) held.take("engine.test", head(number));
  now_ += std::chrono::hours(24 * 2000);
  held.take("engine.test", head(1'000'004));
  EXPECT_EQ((std::vector<std::int64_t>{3, 1'000'004}), numbers(held.of("engine.test")));
}

TEST_F(Heads, OneThatWentBackIsKeptAsProof) {
  HeldHeads held = held_in(folder_, now_);
  held.take("engine.test", head(5));
  held.take("engine.test", head(9));
  EXPECT_EQ("audit-went-back", failure_of([&] { held.take("engine.test", head(7)); }).code());
  EXPECT_EQ("audit-went-back", failure_of([&] { held.take("engine.test", head(9, 2)); }).code());
  held.take("engine.test", head(9));  // known: no news
  EXPECT_EQ((std::vector<std::int64_t>{5, 7, 9, 9}), numbers(held.of("engine.test")));
}

TEST_F(Heads, TheKeyIsPinnedAndASuccessionFollowed) {
  HeldHeads held = held_in(folder_, now_);
  held.take("engine.test", head(1));
  rotate();
  held.take("engine.test", head(2));
  const auto former = keys_;
  const PrivateKey former_key = newest_;
  newest_ = PrivateKey::generate(KeyType::ed25519);
  keys_ = {{.public_key = newest_.public_key_der(), .endorsement = {}}};
  EXPECT_EQ("audit-key-changed", failure_of([&] { held.take("engine.test", head(3)); }).code());
  keys_ = former;
  newest_ = former_key;
  // A key that only says it follows, without the signature of the one before, makes the head no head at all.
  keys_.push_back({.public_key = newest_.public_key_der(), .endorsement = Bytes(64, 0)});
  EXPECT_EQ("bad-head", failure_of([&] { held.take("engine.test", head(4)); }).code());
  keys_ = former;
  held.take("engine.test", head(5));
}

TEST_F(Heads, AreTakenOfTheMemberThatShowsThemAlone) {
  HeldHeads held = held_in(folder_, now_);
  EXPECT_EQ("bad-head", failure_of([&] { held.take("other.test", head(1)); }).code());
  SignedHead forged = head(1);
  forged.head.number = 2;
  EXPECT_EQ("bad-head", failure_of([&] { held.take("engine.test", forged); }).code());
  EXPECT_TRUE(held.of("engine.test").empty());
  EXPECT_TRUE(held.of("other.test").empty());
}

TEST_F(Heads, AnAnswerIsReadWithinBounds) {
  const std::vector<SignedHead> heads{head(1), head(2)};
  EXPECT_EQ((std::vector<std::int64_t>{1, 2}), numbers(held_heads_from(held_heads_json(heads))));
  for (const char* bad : {"", "[]", "{}", R"({"heads":1})", R"({"heads":[1]})", R"({"heads":[{}]})"}) {
    EXPECT_EQ("bad-head", failure_of([&] { static_cast<void>(held_heads_from(bad)); }).code()) << bad;
  }
}

}  // namespace
}  // namespace chancery::audit
