// What a member's state is called.
#include "appliance/manager/standing.h"

#include <gtest/gtest.h>

namespace chancery::manager {
namespace {

using namespace std::chrono_literals;

class StandingTest : public testing::Test {
 protected:
  std::vector<std::string> problems(const Heartbeat* heard) const {
    std::vector<std::string> texts;
    for (const Standing::Problem& problem : standing_of(member, heard, now).problems) {
      EXPECT_FALSE(problem.hint.empty());
      texts.push_back(problem.text);
    }
    return texts;
  }
  std::vector<std::string> problems() const { return problems(&heartbeat); }
  using Texts = std::vector<std::string>;

  Instant now = from_rfc3339("2026-11-21T12:00:00Z");
  federation::Member member{.name = "e.test",
                            .role = "secondary",
                            .state = "joined",
                            .joined = now - 24h,
                            .last_seen = std::nullopt,
                            .certificates = {}};
  Heartbeat heartbeat{.last_seen = now - 10s,
                      .version = CHANCERY_VERSION,
                      .clock_ahead = 60s,
                      .generation = 3,
                      .served = {{.endpoint = "engine",
                                  .identity = "engine",
                                  .sha256 = std::string(64, 'a'),
                                  .not_after = now + 31 * 24h}},
                      .customer_key = {},
                      .holders = {},
                      .host = {}};
};

TEST_F(StandingTest, EverythingInOrder) {
  EXPECT_EQ(standing_of(member, &heartbeat, now).state(), "ok");
  EXPECT_EQ(standing_of(member, &heartbeat, now).last_seen, heartbeat.last_seen);
}

TEST_F(StandingTest, WhoIsSilentIsMissingAndNothingElse) {
  heartbeat.last_seen = now - 301s;
  heartbeat.version = "0.0";
  EXPECT_EQ(problems(), Texts{"missing"});
  heartbeat.last_seen = now - 300s;
  EXPECT_EQ(problems(), Texts{"version differs (0.0)"});
  EXPECT_EQ(problems(nullptr), Texts{"missing"});
  member.joined = now - 1min;  // and has not spoken yet
  EXPECT_EQ(problems(nullptr), Texts{});
}

TEST_F(StandingTest, ClocksBothWays) {
  for (const auto& [ahead, said] :
       {std::pair{61s, "61 s"}, {-61s, "61 s"}, {-130s, "2 min"}, {7300s, "2 h"}, {200000s, "2 days"}}) {
    heartbeat.clock_ahead = ahead;
    EXPECT_EQ(problems(), Texts{std::string("clock differs by ") + said});
  }
}

TEST_F(StandingTest, TheFirstCertificateThatEnds) {
  heartbeat.served.push_back(heartbeat.served.front());
  heartbeat.served.back().not_after = now + 30 * 24h;
  EXPECT_EQ(problems(), Texts{"certificate ends in 30 days"});
  heartbeat.served.back().not_after = now;
  EXPECT_EQ(problems(), Texts{"certificate has ended"});
}

}  // namespace
}  // namespace chancery::manager
