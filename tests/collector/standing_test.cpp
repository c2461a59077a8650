// What an endpoint tries, and in which order, whatever was handed over, edited or proven before (C9, T4, T5).
#include "collector/standing.h"

#include <sys/stat.h>

#include "keystore/fault.h"
#include "tests/collector/federation_pki.h"

namespace chancery::collector {
namespace {

using test::FederationPki;

class StandingTest : public testing::Test {
 protected:
  Situation made(const std::string& source, const std::string& host, const std::string& root) const {
    Situation situation;
    situation.source = source;
    situation.servers = {{host, 443, host}};
    situation.anchors = {pki[root]};
    if (source == "settings") situation.settings = digest_of(situation);
    return situation;
  }
  // "settings:a.test*": its source and server, a star for a candidate.
  std::vector<std::string> tried(const std::optional<Situation>& now) const {
    std::vector<std::string> all;
    for (const Attempt& each : attempts(Standing::read(state), now)) {
      all.push_back(each.situation.source + ":" + each.situation.servers.at(0).host + (each.is_candidate ? "*" : ""));
    }
    return all;
  }
  void hand_over(const Situation& situation, const std::optional<Situation>& present) const {
    Standing::change(state, [&](Standing& changed) { changed.candidate = situation; });
    adopt(state, present);
  }
  using Names = std::vector<std::string>;

  const FederationPki& pki = FederationPki::instance();
  Workshop shop;
  Folder state = Folder::open(shop.path());
  Situation settings = made("settings", "a.test", "old");
};

TEST_F(StandingTest, TheFirstTrustThatWorksIsBoundAndKept) {
  EXPECT_EQ(tried(settings), Names{"settings:a.test*"});
  EXPECT_EQ(tried({}), Names{});
  EXPECT_TRUE(bind(state, settings));
  EXPECT_EQ(tried(settings), Names{"settings:a.test"});
  EXPECT_EQ(tried({}), Names{"settings:a.test"}) << "a root file that cannot be read any more locks nobody out";
  struct stat status {};
  ASSERT_EQ(::stat(shop.path("trust.json").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(StandingTest, WhatWasHandedOverIsTriedFirstAndBoundOnceProven) {
  bind(state, settings);
  const Situation moved = made("move", "b.test", "new");
  hand_over(moved, settings);
  EXPECT_EQ(tried(settings), (Names{"move:b.test*", "settings:a.test"}));
  const Situation adopted = attempts(Standing::read(state), settings).at(0).situation;
  EXPECT_TRUE(bind(state, adopted));
  EXPECT_EQ(tried(settings), Names{"move:b.test"}) << "what was trusted before is gone";
}

TEST_F(StandingTest, AnEditOfTheSettingsIsHeardAgainAndFallsBackUntilItWorks) {
  bind(state, settings);
  hand_over(made("move", "b.test", "new"), settings);
  bind(state, attempts(Standing::read(state), settings).at(0).situation);
  const Situation edited = made("settings", "c.test", "stranger");
  EXPECT_EQ(tried(edited), (Names{"settings:c.test*", "move:b.test"}));
  EXPECT_TRUE(bind(state, edited));
  EXPECT_EQ(tried(edited), Names{"settings:c.test"});
}

TEST_F(StandingTest, ACandidateOfBeforeAnEditIsNoneAnyMore) {
  bind(state, settings);
  hand_over(made("install-trust", "b.test", "new"), settings);
  const Situation edited = made("settings", "c.test", "stranger");
  EXPECT_EQ(tried(edited), (Names{"settings:c.test*", "settings:a.test"}));
}

TEST_F(StandingTest, WhatWasHandedOverMeanwhileIsNotOverrunByAnOlderProof) {
  bind(state, settings);
  hand_over(made("move", "b.test", "new"), settings);
  const Situation first = attempts(Standing::read(state), settings).at(0).situation;
  hand_over(made("move", "c.test", "newer"), settings);
  EXPECT_FALSE(bind(state, first));
  EXPECT_EQ(tried(settings), (Names{"move:c.test*", "settings:a.test"}));
}

TEST_F(StandingTest, WhoIsToldNoServerGoesWhereItGoesAlready) {
  bind(state, settings);
  Situation trust = made("install-trust", "x", "new");
  trust.servers.clear();
  hand_over(trust, settings);
  EXPECT_EQ(tried(settings), (Names{"install-trust:a.test*", "settings:a.test"}));
}

TEST_F(StandingTest, WhatItWasShippedWithIsWrittenOnceAndReadOnly) {
  Standing::keep_shipped(state, settings);
  Standing::keep_shipped(state, made("settings", "c.test", "stranger"));
  ASSERT_TRUE(Standing::shipped(state).has_value());
  EXPECT_EQ(Standing::shipped(state)->servers.at(0).host, "a.test");
  struct stat status {};
  ASSERT_EQ(::stat(shop.path("shipped.json").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0400U);
}

TEST_F(StandingTest, ADamagedFileIsSaid) {
  shop.write("trust.json", "{\"format\":\"chancery-collector-trust-1\"");
  try {
    static_cast<void>(Standing::read(state));
    FAIL() << "nothing was said";
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.code(), "state-damaged");
  }
}

}  // namespace
}  // namespace chancery::collector
