#include "appliance/console/access_file.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "appliance/console/second_factor.h"
#include "keystore/bytes/text_encoding.h"
#include "tests/control/temporary.h"

namespace chancery::console {
namespace {

using namespace std::chrono_literals;
using test::failure_of;

constexpr const char* kept = "run/console/access.json";

// The folder of an appliance, and a clock that is set by hand.
class Access : public testing::Test {
 protected:
  Access() {
    folder_.make_folder("run", {.mode = 0755, .owner = {}, .group = {}});
    folder_.make_folder("run/console", {.mode = 0700, .owner = {}, .group = {}});
  }
  AccessFile open() {
    return AccessFile(folder_, [this] { return now_; });
  }
  std::string bytes() { return std::string(text_of(folder_.read(kept, 1 << 20))); }
  std::string code(const SecretBytes& secret, std::int64_t ahead = 0) {
    return factor_code(secret, now_.time_since_epoch().count() / 30 + ahead);
  }
  // As long as it is there nothing can be written: a folder stands in the file's place.
  void break_writing() {
    folder_.remove(kept);
    folder_.make_folder(kept, {.mode = 0700, .owner = {}, .group = {}});
    folder_.write_atomically(std::string(kept) + "/something", view_of("x"), {.mode = 0600, .owner = {}, .group = {}});
  }

  test::TemporaryFolder place_;
  Folder folder_ = Folder::open(place_.path());
  Instant now_ = from_rfc3339("2026-11-22T01:00:00Z");
};

TEST_F(Access, ATokenIsGoodUntilItEndsAndForWhatItSays) {
  AccessFile access = open();
  const auto made = access.make_token("nightly", {"read", "trust"}, 2);
  const auto other = access.make_token("other", {"read"}, 825);
  const auto found = access.find_token(view_of(made.text));
  ASSERT_TRUE(found);
  EXPECT_EQ(made.token.id, found->id);
  EXPECT_EQ((std::set<std::string>{"read", "trust"}), found->scopes);
  EXPECT_EQ(other.token.id, access.find_token(view_of(other.text))->id);
  // One letter more, less, or another one.
  std::string wrong = made.text;
  wrong.back() = wrong.back() == 'A' ? 'B' : 'A';
  for (const std::string& text : {wrong, made.text + "A", made.text.substr(0, made.text.size() - 1), std::string(),
                                  made.token.sha256, made.text.substr(std::string_view("chancery_").size())}) {
    EXPECT_FALSE(access.find_token(view_of(text))) << text;
  }
  now_ += 48h - 1s;
  EXPECT_TRUE(access.find_token(view_of(made.text)));
  now_ += 1s;
  EXPECT_FALSE(access.find_token(view_of(made.text))) << "it has ended";
  EXPECT_TRUE(access.find_token(view_of(other.text)));
  EXPECT_EQ(std::string::npos, bytes().find(made.text)) << "the file has its digest alone";
  EXPECT_EQ(0600U, folder_.status(kept)->mode);
}

// All of a token counts: a beginning that is right by chance is worth nothing.
TEST_F(Access, NobodyGuessesAToken) {
  AccessFile access = open();
  for (int at = 0; at < 64; ++at) (void)access.make_token("n", {"read"}, 1);
  for (int at = 0; at < 5'000; ++at) {
    const std::string guess = "chancery_" + std::to_string(at);
    EXPECT_FALSE(access.find_token(view_of(guess))) << guess;
  }
}

TEST_F(Access, TokensOutliveAnotherStartAndTheirRemovalDoesToo) {
  const auto made = open().make_token("nightly", {"read"}, 1);
  const auto second = open().make_token("second", {"audit"}, 1);
  AccessFile again = open();
  EXPECT_TRUE(again.find_token(view_of(made.text)));
  EXPECT_EQ(std::set<std::string>{"audit"}, again.find_token(view_of(second.text))->scopes);
  again.remove_token(made.token.id);
  EXPECT_FALSE(again.find_token(view_of(made.text)));
  EXPECT_FALSE(open().find_token(view_of(made.text)));
  EXPECT_TRUE(open().find_token(view_of(second.text)));
  EXPECT_EQ("unknown-token", failure_of([&] { again.remove_token(made.token.id); }).code());
}

TEST_F(Access, TokensAreFewAndNamed) {
  AccessFile access = open();
  for (const std::string& name : {std::string(), std::string(65, 'n'), std::string("a\nb")}) {
    EXPECT_EQ("bad-argument", failure_of([&] { (void)access.make_token(name, {"read"}, 1); }).code()) << name;
  }
  EXPECT_EQ("bad-argument", failure_of([&] { (void)access.make_token("n", {}, 1); }).code());
  for (const int days : {0, -1, 826}) {
    EXPECT_EQ("bad-argument", failure_of([&] { (void)access.make_token("n", {"read"}, days); }).code()) << days;
  }
  EXPECT_TRUE(access.tokens().empty());
  for (int at = 0; at < 64; ++at) (void)access.make_token(std::string(64, 'n'), {"read"}, at == 0 ? 1 : 2);
  EXPECT_EQ("too-many-tokens", failure_of([&] { (void)access.make_token("one more", {"read"}, 1); }).code());
  EXPECT_EQ(64U, access.tokens().size());
  now_ += 24h;  // the first has ended, and makes room
  EXPECT_NO_THROW((void)access.make_token("one more", {"read"}, 1));
  EXPECT_EQ(64U, access.tokens().size());
}

TEST_F(Access, WhatCannotBeWrittenIsNotSo) {
  AccessFile access = open();
  const auto made = access.make_token("nightly", {"read"}, 1);
  const SecretBytes secret = new_factor_secret();
  access.set_factor(secret, code(secret));
  const SecretBytes other = new_factor_secret();
  break_writing();
  EXPECT_THROW((void)access.make_token("lost", {"read"}, 1), Failure);
  EXPECT_EQ(1U, access.tokens().size());
  EXPECT_THROW(access.remove_token(made.token.id), Failure);
  EXPECT_TRUE(access.find_token(view_of(made.text))) << "what is still in the file stays good";
  EXPECT_THROW(access.set_factor(other, code(other)), Failure);
  EXPECT_THROW(access.remove_factor(), Failure);
  EXPECT_TRUE(access.has_factor());
  now_ += 60s;
  EXPECT_FALSE(access.passes(code(other)));
}

TEST_F(Access, ACodeIsGoodOnceAlsoAfterAnotherStart) {
  const SecretBytes secret = new_factor_secret();
  {
    AccessFile access = open();
    EXPECT_FALSE(access.has_factor());
    EXPECT_TRUE(access.passes("")) << "without a second factor nobody is asked for one";
    EXPECT_EQ("wrong-code", failure_of([&] { access.set_factor(secret, "000000x"); }).code());
    EXPECT_FALSE(access.has_factor());
    access.set_factor(secret, code(secret));
    EXPECT_FALSE(access.passes(code(secret))) << "used to confirm it";
  }
  const std::string next = code(secret, 1);
  EXPECT_FALSE(open().passes(code(secret))) << "used before the start";
  EXPECT_FALSE(open().passes(""));
  EXPECT_TRUE(open().passes(next));
  AccessFile access = open();
  EXPECT_TRUE(access.has_factor());
  EXPECT_FALSE(access.passes(next)) << "used before the start, to sign in";
  now_ += 90s;
  EXPECT_TRUE(access.passes(code(secret)));
  EXPECT_FALSE(access.passes(code(secret)));
  access.remove_factor();
  EXPECT_FALSE(access.has_factor());
  EXPECT_FALSE(open().has_factor());
}

// Also where it comes twice at the same time.
TEST_F(Access, ACodeIsGoodForOneOfMany) {
  AccessFile access = open();
  const SecretBytes secret = new_factor_secret();
  access.set_factor(secret, code(secret));
  const std::string next = code(secret, 1);
  std::atomic<int> passed = 0;
  {
    std::vector<std::jthread> askers;
    for (int at = 0; at < 16; ++at) askers.emplace_back([&] { passed += access.passes(next) ? 1 : 0; });
  }
  EXPECT_EQ(1, passed);
}

// Nobody is let in by less than before because a file cannot be read.
TEST_F(Access, ADamagedFileShutsTheDoor) {
  const auto made = open().make_token("nightly", {"read"}, 1);
  const SecretBytes secret = new_factor_secret();
  open().set_factor(secret, code(secret));
  const std::string good = bytes();
  for (const std::string& text : {good.substr(0, good.size() / 2), std::string("{}"), std::string("[]"), std::string(),
                                  std::string(R"({"tokens":[{"id":1}]})"),
                                  R"({"second_factor":{"secret":1},)" + good.substr(good.find("\"tokens\""))}) {
    folder_.write_atomically(kept, view_of(text), {.mode = 0600, .owner = {}, .group = {}});
    AccessFile access = open();
    EXPECT_EQ("access-damaged", failure_of([&] { (void)access.has_factor(); }).code()) << text;
    EXPECT_EQ("access-damaged", failure_of([&] { (void)access.passes(""); }).code()) << text;
    EXPECT_EQ("access-damaged", failure_of([&] { (void)access.make_token("n", {"read"}, 1); }).code()) << text;
    EXPECT_EQ("access-damaged", failure_of([&] { access.remove_token(made.token.id); }).code()) << text;
    EXPECT_FALSE(access.find_token(view_of(made.text))) << text;
    EXPECT_EQ(text, bytes()) << "what a person may want to look at is left alone";
  }
}

}  // namespace
}  // namespace chancery::console
