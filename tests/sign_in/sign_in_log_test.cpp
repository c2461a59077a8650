#include "appliance/sign_in/sign_in_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/sign_in/told.h"

namespace chancery {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

class SignIns : public testing::Test {
 protected:
  std::vector<std::string> reported() {
    log.report();
    return manager.words();
  }
  // And the log forgets the kinds that it kept apart.
  void tell_all() {
    log.report_all();
    log.report();
    (void)manager.events();
  }
  std::int64_t seconds() const { return now.time_since_epoch().count(); }

  test::TemporaryFolder state;
  test::Told manager{state};
  Instant now = from_rfc3339("2026-11-22T01:00:00Z");
  SignInLog log{"portal", state.path().substr(0, state.path().size() - 1), [this] { return now; }};
};

TEST_F(SignIns, AreTheFirstRightAnswerAfterAQuarterOfAnHour) {
  log.succeeded("ada", "192.0.2.1", "directory");
  log.succeeded("ada", "192.0.2.1", "directory");
  log.succeeded("administrator", "192.0.2.1", "password");
  log.succeeded("ada", "192.0.2.2", "directory");
  log.report();
  const auto events = manager.events();
  ASSERT_EQ(3U, events.size());
  EXPECT_EQ(nlohmann::json({{"program", "portal"},
                            {"user", "ada"},
                            {"address", "192.0.2.1"},
                            {"by", "directory"},
                            {"outcome", "done"},
                            {"count", 1},
                            {"first", seconds()},
                            {"last", seconds()}}),
            events[0]);
  // At work all day: no other sign-in.
  for (int at = 0; at < 30; ++at) {
    now += 14min + 59s;
    log.succeeded("ada", "192.0.2.1", "directory");
    EXPECT_THAT(reported(), IsEmpty()) << at;
  }
  now += 15min;
  log.succeeded("ada", "192.0.2.1", "directory");
  EXPECT_THAT(reported(), ElementsAre("done ada 192.0.2.1 directory x1"));
}

TEST_F(SignIns, AreToldAgainWhereTheClockWasSetBack) {
  log.succeeded("ada", "192.0.2.1", "directory");
  EXPECT_EQ(1U, reported().size());
  now -= 24h;
  log.succeeded("ada", "192.0.2.1", "directory");
  EXPECT_THAT(reported(), ElementsAre("done ada 192.0.2.1 directory x1"));
}

TEST_F(SignIns, ThatFailAreToldWithoutNamesButTheAdministrators) {
  log.failed("192.0.2.1", "correct horse battery staple", "wrong-password");
  log.failed("192.0.2.1", "Administrator", "wrong-password");
  log.failed("192.0.2.1", "administrator", "wrong-password");
  log.failed("192.0.2.1", "administrator", "too-many-attempts");
  EXPECT_THAT(reported(), testing::UnorderedElementsAre("refused  192.0.2.1 wrong-password x2",
                                                        "refused administrator 192.0.2.1 wrong-password x1",
                                                        "refused administrator 192.0.2.1 too-many-attempts x1"));
}

TEST_F(SignIns, ThatFailInFloodsAreCounted) {
  const std::int64_t begin = seconds();
  log.failed("192.0.2.1", "ada", "wrong-password");
  EXPECT_THAT(reported(), ElementsAre("refused  192.0.2.1 wrong-password x1"));
  for (int at = 0; at < 1000; ++at) log.failed("192.0.2.1", "ada", "wrong-password");
  now += 59s;
  log.failed("192.0.2.1", "ada", "wrong-password");
  EXPECT_THAT(reported(), IsEmpty());
  now += 1s;
  log.report();
  const auto events = manager.events();
  ASSERT_EQ(1U, events.size());
  EXPECT_EQ(1001, events[0].at("count"));
  EXPECT_EQ(begin, events[0].at("first"));
  EXPECT_EQ(begin + 59, events[0].at("last"));
}

// From more addresses than are kept apart: all are counted.
TEST_F(SignIns, ThatFailFromEverywhereAreAddedUp) {
  for (int at = 0; at < 500; ++at) log.failed("192.0.2." + std::to_string(at), "ada", "wrong-password");
  log.report();
  std::int64_t sum = 0;
  std::vector<nlohmann::json> several;
  for (const auto& event : manager.events()) {
    sum += event.at("count").get<std::int64_t>();
    EXPECT_EQ("refused", event.at("outcome"));
    if (event.at("user") == "several") several.push_back(event);
  }
  EXPECT_EQ(500, sum);
  ASSERT_EQ(1U, several.size());
  EXPECT_EQ("several", several[0].at("address"));
  EXPECT_EQ("many", several[0].at("code"));
}

TEST_F(SignIns, WaitWhileTheManagerIsAway) {
  manager.stop();
  log.succeeded("ada", "192.0.2.1", "directory");
  log.failed("192.0.2.1", "ada", "wrong-password");
  log.failed("192.0.2.2", "ada", "wrong-password");
  log.report();
  now += 10s;
  log.failed("192.0.2.1", "ada", "wrong-password");
  now += 60s;
  log.report();
  manager.start();
  now += 60s;
  EXPECT_THAT(reported(), ElementsAre("done ada 192.0.2.1 directory x1", "refused  192.0.2.1 wrong-password x2",
                                      "refused  192.0.2.2 wrong-password x1"));
  // One that answers, but not well.
  manager.refuses = true;
  log.failed("192.0.2.9", "ada", "wrong-password");
  EXPECT_THAT(reported(), IsEmpty());
  manager.refuses = false;
  now += 60s;
  EXPECT_THAT(reported(), ElementsAre("refused  192.0.2.9 wrong-password x1"));
}

TEST_F(SignIns, AreToldAtTheEndWithoutWaiting) {
  log.failed("192.0.2.1", "ada", "wrong-password");
  EXPECT_EQ(1U, reported().size());
  log.failed("192.0.2.1", "ada", "wrong-password");
  log.succeeded("ada", "192.0.2.1", "directory");
  EXPECT_EQ(1U, reported().size());
  now += 15min;
  log.succeeded("ada", "192.0.2.1", "directory");
  EXPECT_EQ(2U, reported().size());
  log.failed("192.0.2.1", "ada", "wrong-password");
  now += 1s;
  log.failed("192.0.2.1", "ada", "wrong-password");
  EXPECT_THAT(reported(), IsEmpty());
  log.report_all();
  EXPECT_THAT(manager.words(), ElementsAre("refused  192.0.2.1 wrong-password x2"));
  log.report_all();
  EXPECT_THAT(manager.words(), IsEmpty()) << "once";
  const int asked = manager.requests;
  log.report();
  log.report_all();
  EXPECT_EQ(asked, manager.requests) << "nothing is no message";
}

// Names that are no UTF-8 (a directory's people) are told, and stop nobody.
TEST_F(SignIns, AreToldWhateverTheNameIs) {
  log.succeeded("a\xff\"\n", "192.0.2.1", "directory");
  log.succeeded("ada", "192.0.2.1", "directory");
  log.report();
  EXPECT_EQ(2U, manager.events().size());
}

// Whoever comes from many addresses fills no memory, and makes nobody who is at work sign in anew while there is room.
TEST_F(SignIns, AreForgottenWhenTheyAreOver) {
  for (int at = 0; at < 1023; ++at) log.succeeded("ada", "198.51.100." + std::to_string(at), "directory");
  now += 5min;
  log.succeeded("ada", "0.0.0.1", "directory");  // the first by its name
  tell_all();
  now += 10min;
  log.succeeded("ada", "203.0.113.1", "directory");
  log.succeeded("ada", "0.0.0.1", "directory");
  EXPECT_THAT(reported(), ElementsAre("done ada 203.0.113.1 directory x1"));
  // Full of fresh ones: all are told, none twice but for one that had to go.
  for (int at = 0; at < 1022; ++at) log.succeeded("ada", "198.51.100." + std::to_string(at), "directory");
  tell_all();
  now += 2min;
  log.succeeded("ada", "203.0.113.1", "directory");
  EXPECT_THAT(reported(), IsEmpty()) << "one that is known makes no room for itself";
  log.succeeded("ada", "0.0.0.1", "directory");
  EXPECT_THAT(reported(), IsEmpty());
  log.succeeded("ada", "203.0.113.2", "directory");
  EXPECT_THAT(reported(), ElementsAre("done ada 203.0.113.2 directory x1"));
  log.succeeded("ada", "203.0.113.1", "directory");
  EXPECT_THAT(reported(), IsEmpty()) << "one alone had to go";
  log.succeeded("ada", "0.0.0.1", "directory");
  EXPECT_THAT(reported(), ElementsAre("done ada 0.0.0.1 directory x1")) << "rather twice than not at all";
}

}  // namespace
}  // namespace chancery
