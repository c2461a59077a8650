// Whom a collector believes, with what its engine has added and dropped, and what a proof may stand on.
#include "collector/trust.h"

#include "tests/collector/federation_pki.h"

namespace chancery::collector {
namespace {

using test::FederationPki;

class TrustTest : public testing::Test {
 protected:
  TrustTest() {
    shop.write("root.pem", pki["old"].to_pem());
    settings.root_ca = shop.path("root.pem");
  }
  // Fingerprints of what anchors.
  std::vector<std::string> anchors_of(const tls::ClientContext& context) const {
    CertificatePool pool;
    pool.add_pem(context.options().trust_pem);
    std::vector<std::string> names;
    for (const char* name : {"old", "new", "newer", "evil"}) {
      if (pool.contains(pki.sha256(name))) names.emplace_back(name);
    }
    EXPECT_EQ(names.size(), pool.size());
    return names;
  }
  using Names = std::vector<std::string>;
  Names trusted() {
    const Trust trust = read_trust(configured(settings), "x", anchors, revocations);
    EXPECT_EQ(trust.mode, "pinned");
    EXPECT_EQ(trust.roots.size(), trust.counting->size());
    EXPECT_TRUE(trust.given->contains(pki.sha256("old")));
    EXPECT_TRUE(trust.context.options().verify_chain);
    return anchors_of(trust.context);
  }

  const FederationPki& pki = FederationPki::instance();
  Workshop shop;
  Folder state = Folder::open(shop.path());
  KeptAnchors anchors{state, system_now};
  KeptRevocations revocations{state};
  CollectorSettings settings;
};

TEST_F(TrustTest, TheRootFileThenBothThenTheNewRootAlone) {
  EXPECT_EQ(trusted(), Names{"old"});
  const CertificatePool given = pki.pool({"old"});
  anchors.take({.roots = {pki.der("old"), pki.der("new")}, .crosses = {pki.der("new-by-old")}, .retired = {}}, given);
  EXPECT_EQ(trusted(), (Names{"old", "new"}));
  anchors.set_proven(pki.sha256("new"));
  anchors.take({.roots = {pki.der("new")}, .crosses = {}, .retired = {pki.sha256("old")}}, given);
  EXPECT_EQ(trusted(), Names{"new"});
}

TEST_F(TrustTest, WhoIsGivenAnotherCaTrustsThatAlone) {
  const CertificatePool given = pki.pool({"old"});
  anchors.take({.roots = {pki.der("old"), pki.der("new")}, .crosses = {pki.der("new-by-old")}, .retired = {}}, given);
  shop.write("root.pem", pki["evil"].to_pem());
  const Trust trust = read_trust(configured(settings), "x", anchors, revocations);
  EXPECT_EQ(anchors_of(trust.context), Names{"evil"}) << "what the old root's word has added went with it";
  shop.write("root.pem", pki["old"].to_pem());
  EXPECT_EQ(trusted(), (Names{"old", "new"})) << "and comes back with it";
}

TEST_F(TrustTest, AServersOwnCertificateNeedsNoName) {
  shop.write("leaf.pem", pki["leaf"].to_pem());
  settings.trusted = {shop.path("leaf.pem")};
  const tls::ClientContext context = read_trust(configured(settings), "x", anchors, revocations).context;
  EXPECT_TRUE(context.options().verify_name);
  EXPECT_TRUE(context.options().is_named(pki["leaf"]));
  EXPECT_FALSE(context.options().is_named(pki["issuing-old"]));
}

TEST_F(TrustTest, ANameIsComparedWhereAServerWasFoundOnlyIfItIsSaidOrTheSystemIsTrusted) {
  const auto compares = [&](bool is_found) {
    return read_trust(configured(settings), "x", anchors, revocations, is_found).context.options().verify_name;
  };
  EXPECT_TRUE(compares(false));
  EXPECT_FALSE(compares(true));
  settings.verify_found_hostname = true;
  EXPECT_TRUE(compares(true));
  settings.verify_found_hostname = false;
  settings.root_ca.clear();
  EXPECT_TRUE(compares(true)) << "the operating system's store";
}

TEST_F(TrustTest, AProofStandsOnOneRootAlone) {
  const CertificatePool given = pki.pool({"old"});
  anchors.take({.roots = {pki.der("old"), pki.der("new")}, .crosses = {pki.der("new-by-old")}, .retired = {}}, given);
  const tls::ClientContext context = proof_context(configured(settings), "x", pki["new"], revocations);
  EXPECT_EQ(anchors_of(context), Names{"new"});
  EXPECT_TRUE(context.options().verify_chain);
  EXPECT_TRUE(context.options().verify_name);
}

TEST_F(TrustTest, NothingIsCheckedWhereASettingSaysSo) {
  settings.required_level = SecurityLevel::tls_no_peer_auth;
  const Trust trust = read_trust(configured(settings), "x", anchors, revocations);
  EXPECT_EQ(trust.mode, "none");
  EXPECT_FALSE(trust.context.options().verify_chain);
}

}  // namespace
}  // namespace chancery::collector
