// What a coordinator writes down: the newest rollout is the one that was begun last, whatever the clock says.
#include "appliance/manager/rollout_journal.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/manager/fixture.h"

namespace chancery::manager::testing {
namespace {

using namespace std::chrono_literals;

class RolloutsInOrder : public ::testing::Test {
 protected:
  std::string begin(Instant now) {
    Rollout rollout{
        .id = journal_.new_id(now), .who = "test", .created = now, .plan_sha256 = "", .waves = 1, .members = {}};
    rollout.state = "done";
    journal_.begin(rollout, {});
    return rollout.id;
  }

  Desk desk_{Role::single};
  Folder state_ = Folder::open(desk_.state());
  RolloutJournal journal_{state_, "test"};
};

TEST_F(RolloutsInOrder, WithinOneSecond) {
  const Instant now = from_rfc3339("2026-12-31T23:59:59Z");
  std::vector<std::string> begun;
  for (int i = 0; i < 12; ++i) begun.push_back(begin(now));
  std::ranges::reverse(begun);
  EXPECT_EQ(begun, RolloutJournal::ids(state_));
}

TEST_F(RolloutsInOrder, AfterTheClockWasSetBack) {
  const Instant now = from_rfc3339("2026-11-21T10:15:00Z");
  const std::string ahead = begin(now + 24h * 365);
  const std::string behind = begin(now);
  EXPECT_EQ((std::vector{behind, ahead}), RolloutJournal::ids(state_));
}

}  // namespace
}  // namespace chancery::manager::testing
