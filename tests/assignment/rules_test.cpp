// Which rule decides, patterns and ranges, and what a rule's file may not say.
#include "appliance/assignment/rules.h"

#include "appliance/membership/customer_keys.h"
#include "tests/failure_code.h"

namespace chancery::assignment {
namespace {

Rule rule(const std::string& name, const std::string& toml) { return parse_rule(name, view_of(toml)); }

const Applicant till{.host = "till-07",
                     .system = "Debian GNU/Linux 12",
                     .addresses = {"10.1.4.7", "fd00::7"},
                     .tags = {"shop", "berlin"}};

TEST(Patterns, StarAndQuestionMarkWithoutCase) {
  struct Case {
    const char* pattern;
    const char* text;
    bool fits;
  };
  for (const Case& each : {Case{"till-*", "till-07", true},
                           {"TILL-??", "till-07", true},
                           {"till-?", "till-07", false},
                           {"*", "", true},
                           {"", "", true},
                           {"", "a", false},
                           {"*a*b*", "xxaxxbxx", true},
                           {"*a*b", "xxaxxbxx", false},
                           {"a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false}}) {
    EXPECT_EQ(each.fits, matches_pattern(each.pattern, each.text)) << each.pattern << " " << each.text;
  }
}

TEST(Ranges, OfBothFamiliesAndNothingElse) {
  EXPECT_TRUE(is_in_range("10.1.0.0/16", "10.1.255.3"));
  EXPECT_FALSE(is_in_range("10.1.0.0/16", "10.2.0.1"));
  EXPECT_TRUE(is_in_range("0.0.0.0/0", "192.0.2.1"));
  EXPECT_FALSE(is_in_range("0.0.0.0/0", "::1"));
  EXPECT_TRUE(is_in_range("10.1.4.6/31", "10.1.4.7"));
  EXPECT_FALSE(is_in_range("10.1.4.6/32", "10.1.4.7"));
  EXPECT_TRUE(is_in_range("fd00::/9", "fd7f::1"));
  EXPECT_FALSE(is_in_range("fd00::/9", "fd80::1"));
  EXPECT_TRUE(is_in_range("192.0.2.7", "192.0.2.7"));
  for (const char* wrong :
       {"", "10.1.0.0/33", "10.1.0.0/", "10.1.0.0/-1", "10.1.0.0/8x", "10.1.0/16", "fd00::/129", "host"}) {
    EXPECT_FALSE(is_range(wrong)) << wrong;
  }
  EXPECT_FALSE(is_in_range("10.0.0.0/8", "no address"));
}

TEST(Rules, EachConditionMustHoldByAnyOfItsValues) {
  EXPECT_TRUE(matches(rule("a", "engines = [\"e\"]"), till));
  EXPECT_TRUE(matches(
      rule("a", "engines = [\"e\"]\nhost = [\"x\", \"till-*\"]\ntag = [\"berlin\"]\naddress = [\"fd00::/8\"]"), till));
  EXPECT_FALSE(matches(rule("a", "engines = [\"e\"]\nhost = [\"till-*\"]\ntag = [\"paris\"]"), till));
  EXPECT_FALSE(matches(rule("a", "engines = [\"e\"]\nsystem = [\"*Windows*\"]"), till));
  EXPECT_FALSE(matches(rule("a", "engines = [\"e\"]\ntag = [\"*\"]"), Applicant{}));
}

TEST(Rules, TheFirstThatFitsDecidesByOrderAndName) {
  std::vector<Rule> rules{rule("z", "order = 10\nengines = [\"one\"]\ntag = [\"shop\"]"),
                          rule("a", "order = 10\nengines = [\"two\", \"three\"]\ntag = [\"shop\"]"),
                          rule("m", "order = 5\nengines = [\"four\"]\ntag = [\"none\"]")};
  sort_rules(rules);
  EXPECT_EQ("m", rules[0].name);
  EXPECT_EQ("a", rules[1].name);
  std::vector<KnownEngine> engines{{"four", true}, {"one", true}, {"three", true}, {"two", true}};
  EXPECT_EQ("two", choose(rules, till, engines).engine);
  engines[3].is_reached = false;
  EXPECT_EQ("three", choose(rules, till, engines).engine);
  engines[2].is_reached = false;
  EXPECT_EQ("", choose(rules, till, engines).engine);
  EXPECT_EQ("a", choose(rules, till, engines).rule);
  rules[1].fall_through = true;
  EXPECT_EQ("one", choose(rules, till, engines).engine);
  // No rule fits: as without rules.
  EXPECT_EQ("four", choose(rules, Applicant{}, engines).engine);
  EXPECT_EQ("", choose({}, till, {}).engine);
}

TEST(Rules, AreWrittenAsTheyAreRead) {
  const Rule one = rule("a",
                        "order = 7\nhost = [\"a\", \"b\"]\naddress = [\"::1\"]\nsystem = [\"*\"]\ntag = "
                        "[\"t\"]\nengines = [\"e\"]\nfall-through = true");
  EXPECT_EQ(to_toml(one), to_toml(rule("a", to_toml(one))));
  for (const char* wrong :
       {"", "engines = []", "engines = [\"\"]", "engines = [\"e\"]\naddress = [\"x\"]", "engines = [\"e\"]\norder = -1",
        "engines = [\"e\"]\nhosts = [\"a\"]", "engines = \"e\"", "engines = [\"e\"]\nhost = [\"a\\u0001\"]"}) {
    EXPECT_EQ("bad-setting", code_of([&] { static_cast<void>(rule("a", wrong)); })) << wrong;
  }
}

}  // namespace
}  // namespace chancery::assignment

namespace chancery {
namespace {

SecretBytes key_of(std::uint8_t fill) { return SecretBytes(32, fill); }
Instant at(std::int64_t seconds) { return Instant(std::chrono::seconds(seconds)); }
Bytes proof(const SecretBytes& key, const Bytes& transcript) {
  const Sha256 mac = hmac_sha256(view_of(key), transcript);
  return {mac.begin(), mac.end()};
}

TEST(CustomerKeysTest, AFormerOneAdmitsForItsOverlapAndIsKeptForLonger) {
  const CustomerKeys first{.number = 0, .since = {}, .current = key_of(1), .former = {}};
  const CustomerKeys second = first.rotated(key_of(2), at(1000), at(2000));
  const Bytes transcript = bytes_of("session");
  EXPECT_TRUE(second.admits(proof(key_of(2), transcript), transcript, at(5000)));
  EXPECT_TRUE(second.admits(proof(key_of(1), transcript), transcript, at(1999)));
  EXPECT_FALSE(second.admits(proof(key_of(1), transcript), transcript, at(2000)));
  EXPECT_FALSE(second.admits(proof(key_of(3), transcript), transcript, at(1500)));
  EXPECT_FALSE(second.admits({}, transcript, at(1500)));
  ASSERT_NE(nullptr, second.find(id_of(key_of(1))));
  EXPECT_EQ(nullptr, second.find(id_of(key_of(3))));
  const CustomerKeys ended = second.without_overlap(at(1500));
  EXPECT_EQ(second.number + 1, ended.number);
  EXPECT_FALSE(ended.admits(proof(key_of(1), transcript), transcript, at(1500)));
  EXPECT_EQ(ended, ended.without_overlap(at(1600)));
  // Nobody is admitted by a key that there is not.
  const CustomerKeys none;
  EXPECT_FALSE(none.admits(proof({}, transcript), transcript, at(0)));
}

TEST(CustomerKeysTest, OnlyTheNewestFourFormerOnesAreKept) {
  CustomerKeys keys{.number = 0, .since = {}, .current = key_of(1), .former = {}};
  for (std::uint8_t fill = 2; fill < 9; ++fill) keys = keys.rotated(key_of(fill), at(fill), at(fill + 100));
  EXPECT_EQ(CustomerKeys::most_former, keys.former.size());
  EXPECT_EQ(key_of(7), keys.former.front().key);
  EXPECT_EQ(keys, CustomerKeys::parse(view_of(keys.to_bytes())));
}

TEST(CustomerKeysTest, WhatIsDamagedIsRefusedWhole) {
  const CustomerKeys keys =
      CustomerKeys{.number = 3, .since = at(7), .current = key_of(1), .former = {}}.rotated(key_of(2), at(8), at(9));
  const SecretBytes good = keys.to_bytes();
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ("customer-key-damaged",
              code_of([&] { static_cast<void>(CustomerKeys::parse(view_of(good).first(size))); }))
        << size;
  }
  SecretBytes longer = good;
  longer.push_back(0);
  EXPECT_EQ("customer-key-damaged", code_of([&] { static_cast<void>(CustomerKeys::parse(view_of(longer))); }));
  SecretBytes crowded = good;
  crowded[25 + 8 + 8] = 200;
  EXPECT_EQ("customer-key-damaged", code_of([&] { static_cast<void>(CustomerKeys::parse(view_of(crowded))); }));
}

}  // namespace
}  // namespace chancery
