#include "appliance/sign_in/wrong_answers.h"

#include <gtest/gtest.h>

namespace chancery {
namespace {

using namespace std::chrono_literals;

class Guesses : public testing::Test {
 protected:
  void guess(const std::string& address, int times) {
    for (int at = 0; at < times; ++at) wrong.count(address);
  }
  WrongAnswers::SteadyTime now{1s};
  WrongAnswers wrong{[this] { return now; }};
};

TEST_F(Guesses, TenInAMinuteAndTheAddressWaits) {
  EXPECT_FALSE(wrong.must_wait("192.0.2.1"));
  guess("192.0.2.1", 9);
  EXPECT_FALSE(wrong.must_wait("192.0.2.1"));
  now += 59s;
  guess("192.0.2.1", 1);
  EXPECT_TRUE(wrong.must_wait("192.0.2.1"));
  EXPECT_FALSE(wrong.must_wait("192.0.2.2")) << "nobody waits for what others guessed";
  now += 1s;
  EXPECT_TRUE(wrong.must_wait("192.0.2.1"));
  now += 1ns;
  EXPECT_FALSE(wrong.must_wait("192.0.2.1")) << "a minute after the first";
}

TEST_F(Guesses, AreCountedAnewAfterTheMinute) {
  guess("192.0.2.1", 10);
  now += 61s;
  guess("192.0.2.1", 9);
  EXPECT_FALSE(wrong.must_wait("192.0.2.1"));
  guess("192.0.2.1", 1);
  EXPECT_TRUE(wrong.must_wait("192.0.2.1"));
  now += 60s;
  EXPECT_TRUE(wrong.must_wait("192.0.2.1")) << "the minute began with the first that counts";
}

// An answer that took long: the minute was over before it was known to be wrong.
TEST_F(Guesses, CountHoweverLongTheAnswerTook) {
  guess("192.0.2.1", 9);
  EXPECT_FALSE(wrong.must_wait("192.0.2.1"));
  now += 61s;
  guess("192.0.2.1", 10);
  EXPECT_TRUE(wrong.must_wait("192.0.2.1"));
}

// Whoever guesses from many addresses fills no memory, and frees nobody who waits while there is room.
TEST_F(Guesses, AreForgottenWhereTheyAreOver) {
  for (int at = 0; at < 4095; ++at) guess("198.51.100." + std::to_string(at), 1);
  now += 30s;
  guess("192.0.2.1", 10);
  EXPECT_TRUE(wrong.must_wait("192.0.2.1")) << "one that is counted already makes no room for itself";
  now += 31s;
  guess("203.0.113.1", 1);
  EXPECT_TRUE(wrong.must_wait("192.0.2.1"));
  for (int at = 0; at < 4094; ++at) guess("198.51.100." + std::to_string(at), 1);
  EXPECT_TRUE(wrong.must_wait("192.0.2.1"));
  guess("203.0.113.2", 1);
  EXPECT_FALSE(wrong.must_wait("192.0.2.1")) << "4,096 within a minute, and all are forgotten";
}

TEST(Refusals, SayWhatToDo) {
  const http::Answer wait = too_many_attempts();
  EXPECT_EQ(429, wait.status);
  EXPECT_EQ("60", wait.headers.at("Retry-After"));
  EXPECT_FALSE(wait.headers.contains("WWW-Authenticate")) << "a browser would ask for a password at once";
  const http::Answer who = sign_in_challenge("Sign in as \"ada\".");
  EXPECT_EQ(401, who.status);
  EXPECT_EQ("Basic realm=\"Chancery\", charset=\"UTF-8\"", who.headers.at("WWW-Authenticate"));
  EXPECT_NE(std::string::npos, who.body.find("Sign in as \\\"ada\\\"."));
}

TEST(Addresses, AreKnownWithoutTheirPort) {
  EXPECT_EQ("192.0.2.1", address_without_port("192.0.2.1:443"));
  EXPECT_EQ("[2001:db8::1]", address_without_port("[2001:db8::1]:443"));
  EXPECT_EQ("", address_without_port(""));
}

}  // namespace
}  // namespace chancery
