// C8 and C9 on an endpoint: which roots a collector takes, drops and proves, whatever an engine says.
#include "collector/kept_anchors.h"

#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "keystore/fault.h"
#include "tests/collector/federation_pki.h"

namespace chancery::collector {
namespace {

using test::FederationPki;

class KeptAnchorsTest : public testing::Test {
 protected:
  wire::Anchors offer(const std::vector<std::string>& roots, const std::vector<std::string>& crosses = {},
                      const std::vector<std::string>& retired = {}) const {
    wire::Anchors offer;
    for (const std::string& name : roots) offer.roots.push_back(pki.der(name));
    for (const std::string& name : crosses) offer.crosses.push_back(pki.der(name));
    for (const std::string& name : retired) offer.retired.push_back(pki.sha256(name));
    return offer;
  }
  std::vector<std::string> added() const {
    std::vector<std::string> names;
    for (const char* name : {"old", "new", "newer", "evil", "stranger"}) {
      for (const Certificate& root : KeptAnchors(state, clock).added()) {
        if (root == pki[name]) names.emplace_back(name);
      }
    }
    return names;
  }

  const FederationPki& pki = FederationPki::instance();
  Workshop shop;
  Folder state = Folder::open(shop.path());
  Clock clock = system_now;
  CertificatePool given = pki.pool({"old"});
  using Names = std::vector<std::string>;
};

TEST_F(KeptAnchorsTest, ANewRootIsTakenWhenTheOldOneHasSignedItAndStaysAfterARestart) {
  KeptAnchors anchors(state, clock);
  EXPECT_FALSE(anchors.take(offer({"old"}), given));
  EXPECT_EQ(added(), Names{});
  EXPECT_TRUE(anchors.take(offer({"old", "new"}, {"new-by-old"}), given));
  EXPECT_EQ(added(), Names{"new"});
  struct stat status {};
  ASSERT_EQ(::stat(shop.path("anchors.json").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  EXPECT_FALSE(anchors.take(offer({"old", "new"}, {"new-by-old"}), given)) << "a second time is no news";
  const wire::Holds holds = anchors.holds();
  EXPECT_TRUE(holds.needs);
  EXPECT_EQ(holds.held.size(), 2U);
  EXPECT_TRUE(holds.proven.empty());
}

TEST_F(KeptAnchorsTest, WhatNobodyHeldHasSignedIsNeverTaken) {
  for (const char* cross : {"evil-by-issuing", "evil-by-itself", "evil-by-leaf", "evil-by-stranger",
                            "evil-no-ca-by-old", "evil-name-by-old", "new-by-old"}) {
    KeptAnchors anchors(state, clock);
    EXPECT_FALSE(anchors.take(offer({"old", "evil", "stranger"}, {cross}), given)) << cross;
    EXPECT_FALSE(anchors.take(offer({"evil"}, {cross}), given)) << cross;
    EXPECT_EQ(added(), Names{}) << cross;
  }
  // Not even by an intermediate that was given as an anchor, nor when the issuing CA is called a root.
  KeptAnchors anchors(state, clock);
  const CertificatePool intermediate = pki.pool({"old", "issuing-old"});
  EXPECT_FALSE(anchors.take(offer({"old", "evil", "issuing-old"}, {"evil-by-issuing"}), intermediate));
  EXPECT_FALSE(anchors.take(offer({"old", "evil"}, {"evil-by-issuing"}, {"issuing-old"}), intermediate));
  EXPECT_FALSE(anchors.take(offer({"old", "leaf"}, {"leaf"}), given));
  EXPECT_EQ(added(), Names{});
}

TEST_F(KeptAnchorsTest, ARootOfARootOfARoot) {
  KeptAnchors anchors(state, clock);
  EXPECT_TRUE(anchors.take(offer({"newer", "new", "old"}, {"newer-by-new", "new-by-old"}), given));
  EXPECT_EQ(added(), (Names{"new", "newer"}));
}

TEST_F(KeptAnchorsTest, WhoeverTrustsNoRootOfTheFederationNeedsAndLearnsNothing) {
  KeptAnchors anchors(state, clock);
  const CertificatePool others = pki.pool({"stranger"});
  EXPECT_FALSE(anchors.take(offer({"old", "new"}, {"new-by-old"}), others));
  EXPECT_FALSE(anchors.holds().needs);
  EXPECT_TRUE(anchors.holds().held.empty());
  // A voucher that the message does not call a root of the federation does not count, even where it is trusted.
  EXPECT_FALSE(anchors.take(offer({"evil"}, {"evil-by-stranger"}), others));
  EXPECT_EQ(added(), Names{});
}

TEST_F(KeptAnchorsTest, WhoIsPinnedToTheIssuingCaDependsOnItsRootAndCannotProveIt) {
  KeptAnchors anchors(state, clock);
  EXPECT_FALSE(anchors.take(offer({"old", "new"}, {"new-by-old"}), pki.pool({"issuing-old", "stranger"})));
  EXPECT_TRUE(anchors.holds().needs);
  EXPECT_TRUE(anchors.holds().held.empty());
  EXPECT_FALSE(anchors.held(pki.sha256("new")).has_value());
}

TEST_F(KeptAnchorsTest, ARetiredRootStaysUntilItsSuccessorIsProven) {
  KeptAnchors anchors(state, clock);
  anchors.take(offer({"old", "new"}, {"new-by-old"}), given);
  EXPECT_FALSE(anchors.take(offer({"new"}, {}, {"old"}), given)) << "not proven: the last trust that worked stays";
  EXPECT_FALSE(anchors.is_dropped(pki.sha256("old")));
  EXPECT_TRUE(anchors.holds().needs);
  anchors.set_proven(pki.sha256("new"));
  EXPECT_TRUE(anchors.take(offer({"new"}, {}, {"old"}), given));
  EXPECT_TRUE(KeptAnchors(state, clock).is_dropped(pki.sha256("old"))) << "after a restart, too";
  EXPECT_EQ(added(), Names{"new"});
  // Bound: what comes back is refused, and vouches for nobody.
  EXPECT_FALSE(anchors.take(offer({"old", "new", "evil"}, {"new-by-old"}), given));
  EXPECT_EQ(anchors.holds().held, Names{pki.sha256("new")});
  EXPECT_TRUE(anchors.is_dropped(pki.sha256("old")));
}

TEST_F(KeptAnchorsTest, ProvenTheOldRootRetiresNoNewOne) {
  KeptAnchors anchors(state, clock);
  anchors.take(offer({"old", "new"}, {"new-by-old"}), given);
  anchors.set_proven(pki.sha256("old"));
  EXPECT_FALSE(anchors.take(offer({"old"}, {}, {"new"}), given)) << "a downgrade by whoever stole the old leaf";
  EXPECT_EQ(added(), Names{"new"});
  EXPECT_FALSE(anchors.is_dropped(pki.sha256("new")));
}

TEST_F(KeptAnchorsTest, WhoMissedTheRotationLearnsTheNewRootOfOneThatIsRetired) {
  KeptAnchors anchors(state, clock);
  EXPECT_TRUE(anchors.take(offer({"new"}, {"new-by-old"}, {"old"}), given));
  EXPECT_EQ(added(), Names{"new"});
  EXPECT_FALSE(anchors.is_dropped(pki.sha256("old")));
  anchors.set_proven(pki.sha256("new"));
  anchors.take(offer({"new"}, {"new-by-old"}, {"old"}), given);
  EXPECT_TRUE(anchors.is_dropped(pki.sha256("old")));
}

TEST_F(KeptAnchorsTest, BothRootsInTheRootFile) {
  const CertificatePool both = pki.pool({"old", "new"});
  KeptAnchors anchors(state, clock);
  anchors.take(offer({"old", "new"}, {"new-by-old"}), both);
  anchors.set_proven(pki.sha256("new"));
  EXPECT_TRUE(anchors.take(offer({"new"}, {}, {"old"}), both));
  EXPECT_TRUE(anchors.is_dropped(pki.sha256("old")));
  EXPECT_EQ(anchors.holds().proven, Names{pki.sha256("new")});
}

TEST_F(KeptAnchorsTest, ADamagedFileIsSaid) {
  shop.write("anchors.json", "{\"format\":\"chancery-collector-anchors-1\"");
  try {
    KeptAnchors anchors(state, clock);
    FAIL() << "nothing was said";
  } catch (const Failure& failure) {
    EXPECT_EQ(failure.code(), "state-damaged");
  }
}

}  // namespace
}  // namespace chancery::collector
