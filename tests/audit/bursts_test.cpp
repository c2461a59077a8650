#include "appliance/audit/bursts.h"

#include <gtest/gtest.h>

namespace chancery::audit {
namespace {

Instant at(int seconds) { return Instant(std::chrono::seconds(1'790'000'000 + seconds)); }

TEST(Bursts, TheFirstIsToldAtOnceTheRestOfAMinuteTogether) {
  Bursts bursts;
  bursts.note("a", at(0));
  const auto first = bursts.due(at(0));
  ASSERT_EQ(1U, first.size());
  EXPECT_EQ(1, first[0].count);
  for (int second = 1; second <= 40; ++second) bursts.note("a", at(second));
  EXPECT_TRUE(bursts.due(at(59)).empty());
  const auto rest = bursts.due(at(60));
  ASSERT_EQ(1U, rest.size());
  EXPECT_EQ("a", rest[0].what);
  EXPECT_EQ(40, rest[0].count);
  EXPECT_EQ(at(1), rest[0].first);
  EXPECT_EQ(at(40), rest[0].last);
}

TEST(Bursts, NothingIsLostInTheSumHoweverManyKinds) {
  Bursts bursts;
  for (int address = 0; address < 5000; ++address) bursts.note(std::to_string(address), at(0));
  const auto told = bursts.due(at(0));
  EXPECT_LE(told.size(), Bursts::most_kinds + 1);
  std::int64_t sum = 0;
  for (const Burst& burst : told) sum += burst.count;
  EXPECT_EQ(5000, sum);
}

TEST(Bursts, WhatCouldNotBeReportedWaits) {
  Bursts bursts;
  bursts.note("a", at(0));
  for (const Burst& burst : bursts.due(at(0))) bursts.put_back(burst);
  bursts.note("a", at(5));
  const auto told = bursts.all();
  ASSERT_EQ(1U, told.size());
  EXPECT_EQ(2, told[0].count);
  EXPECT_EQ(at(0), told[0].first);
  EXPECT_EQ(at(5), told[0].last);
}

TEST(Bursts, AKindThatIsQuietIsForgotten) {
  Bursts bursts;
  bursts.note("a", at(0));
  EXPECT_EQ(1U, bursts.due(at(0)).size());
  EXPECT_TRUE(bursts.due(at(61)).empty());
  // Forgotten: the next one is a first again, and told at once.
  bursts.note("a", at(62));
  EXPECT_EQ(1U, bursts.due(at(62)).size());
}

}  // namespace
}  // namespace chancery::audit
