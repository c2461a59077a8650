// Rotations as authority and members do them over real TLS on loopback, judged by OpenSSL's own verification, and every
// file of a step found half done.
#include "appliance/authority/rotation.h"

#include <gtest/gtest.h>

#include "appliance/authority/register.h"
#include "appliance/membership/revocation_list.h"
#include "tests/federation/primary.h"

namespace chancery::federation {
namespace {

using authority::Anchors;
using authority::Authority;
using authority::Phase;
using authority::Rotation;
using testing::Joiner;
using testing::Primary;
using testing::run_command;

Anchors anchors(Primary& primary) { return authority::anchors_of(primary.authority().store()); }
std::vector<Certificate> retired(Primary& primary) { return authority::retired_anchors(primary.authority().store()); }

Certificate issue(Authority& authority) {
  return authority.issue({.names = {"primary.example.com"},
                          .public_key_der = PrivateKey::generate(KeyType::ecdsa_p256).public_key_der(),
                          .issued_for = "a test"});
}

// `openssl verify` with exactly these anchors and these other certificates.
bool verifies(const Primary& primary, const Certificate& leaf, const std::vector<Certificate>& above,
              const Certificate& root) {
  std::string untrusted;
  for (const Certificate& each : above) untrusted += each.to_pem();
  primary.folder.write("leaf.pem", view_of(leaf.to_pem()));
  primary.folder.write("above.pem", view_of(untrusted));
  primary.folder.write("anchor.pem", view_of(root.to_pem()));
  return run_command("openssl verify -x509_strict -purpose sslserver -CAfile " + primary.folder.file("anchor.pem") +
                     " -untrusted " + primary.folder.file("above.pem") + " " + primary.folder.file("leaf.pem"))
             .exit_code == 0;
}

TEST(Rotation, TheNextRootIsVouchedForAndNothingIsIssuedUnderItYet) {
  Primary primary;
  const Certificate former = primary.authority().root();
  Rotation(primary.authority()).prepare({});
  const Anchors present = anchors(primary);
  EXPECT_EQ(present.phase, Phase::prepared);
  EXPECT_EQ(present.number, 1U);
  EXPECT_EQ(present.root, former);
  ASSERT_TRUE(present.next_root && present.cross);
  EXPECT_EQ(present.roots(), (std::vector{former, *present.next_root}));
  EXPECT_TRUE(present.next_root->is_self_signed());
  EXPECT_NE(present.next_root->subject(), former.subject());
  EXPECT_EQ(present.cross->key_digest(), present.next_root->key_digest());
  EXPECT_EQ(present.cross->subject_der(), present.next_root->subject_der());
  EXPECT_TRUE(present.cross->is_signed_by(former));
  EXPECT_EQ(present.cross->path_length(), 1);
  EXPECT_EQ(primary.authority().intermediates().size(), 1U);
  EXPECT_TRUE(issue(primary.authority()).is_signed_by(*primary.authority().intermediates().begin()));
  EXPECT_TRUE(primary.authority().issuing().is_signed_by(former));
  // Again, and after a restart: the same.
  Rotation(primary.authority()).prepare({});
  primary.restart();
  EXPECT_EQ(anchors(primary).number, 1U);
  EXPECT_EQ(anchors(primary).next_root, present.next_root);
}

TEST(Rotation, ALeafOfTheNextRootVerifiesForThoseWhoKnowEitherRoot) {
  Primary primary;
  const Certificate former = primary.authority().root();
  const Certificate before = issue(primary.authority());
  const std::vector<Certificate> above_before = primary.authority().intermediates();
  Rotation(primary.authority()).prepare({});
  Rotation(primary.authority()).activate({});
  const Certificate root = primary.authority().root();
  EXPECT_NE(root, former);
  const Certificate leaf = issue(primary.authority());
  const std::vector<Certificate> above = primary.authority().intermediates();
  ASSERT_EQ(above.size(), 2U);
  EXPECT_TRUE(verifies(primary, leaf, above, former));
  EXPECT_TRUE(verifies(primary, leaf, above, root));
  EXPECT_TRUE(verifies(primary, leaf, {above[0]}, root));
  EXPECT_FALSE(verifies(primary, leaf, {above[0]}, former)) << "without the cross certificate";
  // What was issued before is under the former root alone.
  EXPECT_TRUE(verifies(primary, before, above_before, former));
  EXPECT_FALSE(verifies(primary, before, above_before, root));

  Rotation(primary.authority()).retire();
  const Anchors present = anchors(primary);
  EXPECT_EQ(present.phase, Phase::steady);
  EXPECT_EQ(present.number, 3U);
  EXPECT_EQ(present.roots(), std::vector{root});
  ASSERT_EQ(retired(primary).size(), 2U);
  EXPECT_EQ(retired(primary)[0], former);
  EXPECT_EQ(primary.authority().intermediates().size(), 1U);
  EXPECT_TRUE(verifies(primary, issue(primary.authority()), primary.authority().intermediates(), root));
  EXPECT_EQ(primary.folder.read("authority/root.pem"), root.to_pem());
  for (const char* gone : {"former-root.key", "former-issuing.key", "next-root.key", "next-issuing.key"}) {
    EXPECT_FALSE(std::filesystem::exists(primary.folder.file("authority/") + gone)) << gone;
  }
  // And the one after it.
  Rotation(primary.authority()).prepare({});
  Rotation(primary.authority()).activate({});
  Rotation(primary.authority()).retire();
  EXPECT_EQ(retired(primary).size(), 4U);
  EXPECT_TRUE(primary.authority().root().subject().find(" 3") != std::string::npos);
}

TEST(Rotation, StepsOutOfOrderChangeNothing) {
  Primary primary;
  Rotation rotation(primary.authority());
  EXPECT_EQ(code_of([&] { rotation.activate({}); }), "rotation-order");
  rotation.retire();  // nothing to retire
  EXPECT_EQ(anchors(primary).number, 0U);
  rotation.prepare({});
  EXPECT_EQ(code_of([&] { rotation.retire(); }), "rotation-order");
  EXPECT_EQ(anchors(primary).number, 1U);
  rotation.activate({});
  const std::string before = primary.standing();
  EXPECT_EQ(code_of([&] { rotation.prepare({}); }), "rotation-order");
  EXPECT_EQ(anchors(primary).number, 2U);
  EXPECT_EQ(primary.standing(), before);
}

TEST(Rotation, NamesThatCameInBetweenArePermittedUnderTheNextRootToo) {
  Primary primary;
  Rotation(primary.authority()).prepare({});
  primary.authority().permit_names({"late.example.org", "192.0.2.77"});
  Rotation(primary.authority()).activate({});
  EXPECT_TRUE(primary.authority().not_permitted({"late.example.org", "192.0.2.77"}).empty());
  primary.authority().permit_names({"later.example.org"});
  EXPECT_TRUE(primary.authority().issuing().is_signed_by(primary.authority().root()));
}

TEST(Rotation, AnotherProcessIssuesUnderTheNewRootWithoutARestart) {
  Primary primary;
  Authority other = Authority::open(Folder::open(primary.folder.file("authority")), primary.time.clock());
  Rotation(other).prepare({});
  Rotation(other).activate({});
  const Certificate leaf = issue(primary.authority());
  EXPECT_TRUE(leaf.is_signed_by(other.issuing()));
  EXPECT_EQ(primary.authority().root(), other.root());
  EXPECT_EQ(primary.authority().intermediates(), other.intermediates());
}

TEST(Rotation, TheFormerIssuingCaSignsItsListUntilItIsRetired) {
  Primary primary;
  (void)Joiner(primary).join(primary.token());
  Rotation(primary.authority()).prepare({});
  Rotation(primary.authority()).activate({});
  EXPECT_EQ(primary.admission().remove("engine.example.com"), 3);
  const std::vector<Bytes> lists = primary.authority().revocation_lists();
  ASSERT_EQ(lists.size(), 2U);
  const RevocationList present = RevocationList::from_der(lists[0]);
  const RevocationList former = RevocationList::from_der(lists[1]);
  EXPECT_TRUE(present.is_signed_by(primary.authority().issuing()));
  EXPECT_TRUE(present.serials().empty());
  EXPECT_TRUE(former.is_signed_by(*anchors(primary).former_issuing));
  EXPECT_EQ(former.serials().size(), 3U);
  Rotation(primary.authority()).retire();
  EXPECT_EQ(primary.authority().revocation_lists().size(), 1U);
}

TEST(Rotation, AnEmergencyLeavesNothingOfTheFormerOnesInAnyPhase) {
  for (int steps = 0; steps < 3; ++steps) {
    Primary primary;
    Rotation rotation(primary.authority());
    const Certificate former = primary.authority().root();
    if (steps > 0) rotation.prepare({});
    const auto prepared = anchors(primary).next_root;
    if (steps > 1) rotation.activate({});
    std::uint64_t told = 0;
    rotation.replace_at_once({}, [&](std::uint64_t number) { told = number; });
    const Anchors present = anchors(primary);
    EXPECT_EQ(present.phase, Phase::steady) << steps;
    EXPECT_EQ(present.number, told);
    EXPECT_EQ(told, static_cast<std::uint64_t>(steps) + 1);
    EXPECT_EQ(present.roots().size(), 1U);
    EXPECT_FALSE(present.cross);
    EXPECT_NE(present.root, former);
    EXPECT_TRUE(!prepared || present.root != *prepared) << "a root that the stolen key has vouched for";
    EXPECT_EQ(retired(primary).size(), steps == 0 ? 2U : 4U);
    primary.restart();
    EXPECT_TRUE(verifies(primary, issue(primary.authority()), primary.authority().intermediates(), present.root));
    for (const auto& entry : std::filesystem::directory_iterator(primary.folder.file("authority"))) {
      const std::string name = entry.path().filename();
      EXPECT_FALSE(name.starts_with("former-") || name.starts_with("next-") || name.starts_with("fresh-")) << name;
    }
  }
}

// Every order in which files can have been renamed, the register being what decides.
TEST(Rotation, KeyFilesAreFoundWhereverAKillLeftThem) {
  namespace fs = std::filesystem;
  Primary primary;
  const std::string at = primary.folder.file("authority/");
  Rotation(primary.authority()).prepare({});
  fs::copy_file(at + "root.key", at + "k.root");
  fs::copy_file(at + "issuing.key", at + "k.issuing");
  fs::copy_file(at + "next-root.key", at + "k.next-root");
  fs::copy_file(at + "next-issuing.key", at + "k.next-issuing");
  Rotation(primary.authority()).activate({});
  const Certificate root = primary.authority().root();
  const auto lay = [&](const std::vector<std::pair<std::string, std::string>>& files) {
    for (const char* name :
         {"root.key", "issuing.key", "next-root.key", "next-issuing.key", "former-root.key", "former-issuing.key"}) {
      fs::remove(at + name);
    }
    for (const auto& [name, from] : files) fs::copy_file(at + from, at + name);
  };
  const std::vector<std::vector<std::pair<std::string, std::string>>> stages{{{"root.key", "k.root"},
                                                                              {"issuing.key", "k.issuing"},
                                                                              {"next-root.key", "k.next-root"},
                                                                              {"next-issuing.key", "k.next-issuing"}},
                                                                             {{"former-root.key", "k.root"},
                                                                              {"issuing.key", "k.issuing"},
                                                                              {"next-root.key", "k.next-root"},
                                                                              {"next-issuing.key", "k.next-issuing"}},
                                                                             {{"former-root.key", "k.root"},
                                                                              {"issuing.key", "k.issuing"},
                                                                              {"root.key", "k.next-root"},
                                                                              {"next-issuing.key", "k.next-issuing"}},
                                                                             {{"former-root.key", "k.root"},
                                                                              {"former-issuing.key", "k.issuing"},
                                                                              {"root.key", "k.next-root"},
                                                                              {"next-issuing.key", "k.next-issuing"}},
                                                                             {{"former-root.key", "k.root"},
                                                                              {"former-issuing.key", "k.issuing"},
                                                                              {"root.key", "k.next-root"},
                                                                              {"issuing.key", "k.next-issuing"}}};
  for (std::size_t stage = 0; stage < stages.size(); ++stage) {
    lay(stages[stage]);
    Authority opened = Authority::open(Folder::open(primary.folder.file("authority")), primary.time.clock());
    EXPECT_TRUE(issue(opened).is_signed_by(opened.issuing())) << stage;
    EXPECT_EQ(opened.revocation_lists().size(), 2U) << stage;
    Rotation(opened).tidy();
    opened.permit_names({"stage" + std::to_string(stage) + ".example.org"});  // needs the right root.key
    EXPECT_EQ(opened.root(), root);
    for (const auto& [name, from] : stages.back()) {
      EXPECT_EQ(primary.folder.read("authority/" + name), primary.folder.read("authority/" + from)) << stage << name;
    }
    EXPECT_FALSE(fs::exists(at + "next-root.key") || fs::exists(at + "next-issuing.key")) << stage;
  }
}

TEST(Rotation, KeysThatNobodyEnteredAreRemovedAndTheNextPrepareWorks) {
  namespace fs = std::filesystem;
  Primary primary;
  const std::string at = primary.folder.file("authority/");
  const std::string key = primary.folder.read("authority/issuing.key");
  primary.folder.write("authority/next-issuing.key", view_of(PrivateKey::generate(KeyType::ecdsa_p256).to_pem()));
  primary.folder.write("authority/next-root.key", view_of(PrivateKey::generate(KeyType::ecdsa_p256).to_pem()));
  Rotation(primary.authority()).tidy();
  EXPECT_FALSE(fs::exists(at + "next-root.key") || fs::exists(at + "next-issuing.key"));
  EXPECT_EQ(primary.folder.read("authority/issuing.key"), key);
  Rotation(primary.authority()).prepare({});
  Rotation(primary.authority()).tidy();
  EXPECT_TRUE(fs::exists(at + "next-root.key"));
}

TEST(Rotation, AnEncryptedRootIsFollowedByAnEncryptedOne) {
  Primary primary;
  const SecretBytes passphrase = secret_copy(view_of(std::string_view("correct horse battery")));
  const Folder folder = Folder::open(primary.folder.file("authority"));
  {
    const auto key = authority::RootKey::open(folder, primary.authority().root(), {});
    authority::RootKeeping keeping;
    keeping.passphrase = passphrase;
    key.keep(folder, {.mode = 0600}, keeping);
  }
  EXPECT_EQ(code_of([&] { Rotation(primary.authority()).prepare({}); }), "root-key-locked");
  EXPECT_EQ(anchors(primary).number, 0U);
  EXPECT_FALSE(std::filesystem::exists(primary.folder.file("authority/next-root.key")));
  authority::Succession succession;
  succession.access.passphrase = passphrase;
  Rotation(primary.authority()).prepare(succession);
  EXPECT_NE(primary.folder.read("authority/next-root.key").find("ENCRYPTED"), std::string::npos);
  Rotation(primary.authority()).activate({});
  EXPECT_EQ(code_of([&] { primary.authority().permit_names({"new.example.org"}); }), "root-key-locked");
  primary.authority().permit_names({"new.example.org"}, succession.access);
}

}  // namespace
}  // namespace chancery::federation
