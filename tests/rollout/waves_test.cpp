#include "appliance/rollout/waves.h"

#include <gtest/gtest.h>

#include "keystore/fault.h"

namespace chancery::rollout {
namespace {

using Sizes = std::vector<std::size_t>;

std::string refusal(std::string_view text, std::size_t members) {
  try {
    static_cast<void>(parse_waves(text, members));
  } catch (const Failure& failure) {
    EXPECT_FALSE(failure.hint().empty());
    return failure.code();
  }
  return "";
}

TEST(Waves, CountAllMembersUpToTheirEnd) {
  EXPECT_EQ(parse_waves("1,10%,100%", 30), (Sizes{1, 2, 27}));
  EXPECT_EQ(parse_waves("1,10%,100%", 200), (Sizes{1, 19, 180}));
  EXPECT_EQ(parse_waves("100%", 7), (Sizes{7}));
  EXPECT_EQ(parse_waves("2,4", 4), (Sizes{2, 2}));
  EXPECT_EQ(parse_waves("1,1000", 4), (Sizes{1, 3})) << "more than there are is all of them";
}

TEST(Waves, AShareIsRoundedUpAndAnEmptyWaveLeftOut) {
  EXPECT_EQ(parse_waves("10%,100%", 3), (Sizes{1, 2}));
  EXPECT_EQ(parse_waves("1,10%,100%", 3), (Sizes{1, 2}));
  EXPECT_EQ(parse_waves("1,10%,100%", 1), (Sizes{1}));
  EXPECT_EQ(parse_waves("33%,66%,100%", 200), (Sizes{66, 66, 68}));
}

TEST(Waves, WhatCannotBeIsRefused) {
  for (const char* text : {"", ",", "0,100%", "-1,100%", "1,,100%", "10%,1,100%", "101%", "one,100%", "1,50%", "1",
                           "100%,", " 1,100%", "1.5%,100%", "99999999999999999999,100%", "1%%,100%"}) {
    EXPECT_EQ(refusal(text, 30), "bad-waves") << text;
  }
  std::string many;
  for (int i = 1; i <= 101; ++i) many += std::to_string(i) + ",";
  EXPECT_EQ(refusal(many + "100%", 1000), "bad-waves");
}

}  // namespace
}  // namespace chancery::rollout
