// Rotations as authority and members do them over real TLS on loopback, judged by OpenSSL's own verification, and every
// file of a step found half done.
#include "appliance/authority/rotation.h"

#include <gtest/gtest.h>

#include "appliance/authority/register.h"
#include "appliance/federation/anchor_proof.h"
#include "appliance/federation/bulletin.h"
#include "appliance/federation/proof_statement.h"
#include "appliance/federation/renewal.h"
#include "appliance/membership/revocation_list.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/x509/der.h"
#include "tests/federation/primary.h"

namespace chancery::federation {
namespace {

using authority::Anchors;
using authority::Authority;
using authority::Phase;
using authority::Rotation;
using std::chrono::days;
using testing::Joiner;
using testing::Primary;
using testing::run_command;

Anchors anchors(Primary& primary) { return authority::anchors_of(primary.authority().store()); }

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
  ASSERT_EQ(present.retired.size(), 2U);
  EXPECT_EQ(present.retired[0], former);
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
  EXPECT_EQ(anchors(primary).retired.size(), 4U);
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
    EXPECT_EQ(present.retired.size(), steps == 0 ? 2U : 4U);
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

// The bulletin.

TEST(Bulletin, IsReadAsItWasWrittenInEveryPhase) {
  Primary primary;
  const Bytes key = primary.tls_key.public_key_der();
  Rotation rotation(primary.authority());
  for (int step = 0; step < 4; ++step) {
    if (step == 1) rotation.prepare({});
    if (step == 2) rotation.activate({});
    if (step == 3) rotation.retire();
    const News news = read_news(primary.admission().news(), key, primary.federation);
    const Bulletin wanted = bulletin_of(primary.authority());
    EXPECT_EQ(write_bulletin(news.bulletin), write_bulletin(wanted)) << step;
    EXPECT_EQ(news.bulletin.number, static_cast<std::uint64_t>(step));
    EXPECT_EQ(news.bulletin.roots, anchors(primary).roots());
    EXPECT_EQ(news.lists.size(), step == 2 ? 2U : 1U);
  }
}

TEST(Bulletin, OfAnotherKeyFederationOrShapeIsRefused) {
  Primary primary;
  Rotation(primary.authority()).prepare({});
  const std::string good = primary.admission().news();
  const Bytes key = primary.tls_key.public_key_der();
  const auto read = [&](const std::string& body, const std::string& federation = "3fa2b5c6d7e8f901") {
    return code_of([&] { (void)read_news(body, key, federation); });
  };
  EXPECT_EQ(read(good), "");
  EXPECT_EQ(read(good, "other"), "bulletin-invalid");
  EXPECT_EQ(code_of([&] {
              (void)read_news(good, PrivateKey::generate(KeyType::ecdsa_p256).public_key_der(), primary.federation);
            }),
            "bulletin-invalid");
  for (const char* body : {"", "{}", "[]", "null", R"({"bulletin":"","signature":"","lists":[]})",
                           R"({"bulletin":7,"signature":"","lists":[]})", R"([[[[[[[[]]]]]]]])"}) {
    EXPECT_EQ(read(body), "bulletin-invalid") << body;
  }
  // Nothing of what is signed can be altered; a signed one can still be no bulletin.
  for (std::size_t at = 0; at < good.size(); at += 7) {
    std::string flipped = good;
    flipped[at] = static_cast<char>(flipped[at] ^ 1);
    const std::string code = read(flipped);
    const bool is_list = at > good.find("\"lists\"") && at < good.find("]", good.find("\"lists\""));
    EXPECT_TRUE(code == "bulletin-invalid" || (is_list && code.empty())) << at << " " << code;
  }
  Bulletin wrong = bulletin_of(primary.authority());
  const auto signed_one = [&](const Bulletin& bulletin) {
    return read(write_news(sign(bulletin, primary.tls_key), {}));
  };
  EXPECT_EQ(signed_one(wrong), "");
  wrong.roots = {wrong.issuing};
  EXPECT_EQ(signed_one(wrong), "bulletin-invalid");
  wrong = bulletin_of(primary.authority());
  wrong.retired = wrong.roots;
  EXPECT_EQ(signed_one(wrong), "bulletin-invalid");
  wrong = bulletin_of(primary.authority());
  wrong.cross = wrong.issuing;
  EXPECT_EQ(signed_one(wrong), "bulletin-invalid");
  wrong = bulletin_of(primary.authority());
  wrong.roots.clear();
  EXPECT_EQ(signed_one(wrong), "bulletin-invalid");
}

TEST(Bulletin, ComesOverAPinnedConnectionOnly) {
  Primary primary;
  EXPECT_EQ(fetch_news(primary.target(), primary.tls_key.key_digest(), primary.federation).bulletin.number, 0U);
  EXPECT_EQ(code_of([&] {
              (void)fetch_news(primary.target(), PrivateKey::generate(KeyType::ecdsa_p256).key_digest(),
                               primary.federation);
            }),
            "relay-suspected");
}

// Members.

struct MemberSide {
  explicit MemberSide(Primary& primary) : primary_(primary), joiner(primary) {
    joiner.time = primary.time;
    const Joined joined = joiner.join(primary.token());
    roots = {joined.root};
    chain = joined.chains.at("member");
    key = joiner.request.identities.front().key;
  }
  void renew(std::vector<Certificate> anchors_known) {
    RenewalRequest request{.authority = primary_.target(),
                           .authority_pin = primary_.tls_key.key_digest(),
                           .federation = primary_.federation,
                           .member = chain.front(),
                           .member_key = *key,
                           .roots = std::move(anchors_known),
                           .identities = {}};
    request.identities.push_back({"member", PrivateKey::generate(KeyType::ecdsa_p256)});
    chain = federation::renew(request, primary_.time.clock()).chains.at("member");
    key = request.identities.front().key;
  }
  void prove(const Certificate& root, std::vector<AnchorProof> more = {}) {
    std::vector<AnchorProof> proofs{{.kind = "member", .who = "engine.example.com", .is_proven = true, .why = ""}};
    proofs.insert(proofs.end(), more.begin(), more.end());
    report_proofs({.authority = primary_.target(),
                   .authority_pin = primary_.tls_key.key_digest(),
                   .member = chain.front(),
                   .member_key = *key},
                  {.root = root, .proofs = proofs}, primary_.time.clock());
  }
  std::size_t proven() { return kept_proofs(primary_.authority().store()).size(); }

  Primary& primary_;
  Joiner joiner;
  std::vector<Certificate> roots;
  std::vector<Certificate> chain;
  std::optional<PrivateKey> key;
};

TEST(Rotation, MembersRenewAndJoinInTheMiddleOfIt) {
  Primary primary;
  MemberSide member(primary);
  const std::vector<Certificate> former = member.roots;
  Rotation(primary.authority()).prepare({});
  Rotation(primary.authority()).activate({});
  // One that has not heard of the next root takes it on the word of the former.
  member.renew(former);
  ASSERT_EQ(member.chain.size(), 3U);
  member.renew({primary.authority().root()});
  const Authority stranger =
      Authority::create(Folder::create(primary.folder.file("stranger"), {.mode = 0700}), {.mode = 0600},
                        {.federation = primary.federation, .names = {"x.test"}}, primary.time.clock());
  EXPECT_EQ(code_of([&] { member.renew({stranger.root()}); }), "reply-invalid");
  Joiner late(primary, {"late.example.com"});
  late.time = primary.time;
  const Joined joined = late.join(primary.token({"late.example.com"}));
  EXPECT_EQ(joined.root, primary.authority().root());
  EXPECT_EQ(joined.chains.at("engine").size(), 3U);
}

TEST(Rotation, AJoinThatIsRetriedAfterTheStepEndsUnderTheNewRoot) {
  Primary primary;
  Joiner joiner(primary);
  joiner.time = primary.time;
  const SecretBytes token = primary.token();
  const Joined first = joiner.join(token);
  Rotation(primary.authority()).prepare({});
  Rotation(primary.authority()).activate({});
  const Joined again = joiner.join(token);
  EXPECT_EQ(again.root, primary.authority().root());
  EXPECT_TRUE(again.chains.at("member").front().is_signed_by(primary.authority().issuing()));
  const Joined third = joiner.join(token);
  EXPECT_EQ(third.chains.at("member").front(), again.chains.at("member").front());
  EXPECT_EQ(primary.admission().members().size(), 1U);
}

TEST(AnchorProof, NeedsTheNewRootsChainAndALeafUnderIt) {
  Primary primary;
  MemberSide member(primary);
  const Certificate former = primary.authority().root();
  Rotation(primary.authority()).prepare({});
  const Certificate coming = *anchors(primary).next_root;
  EXPECT_EQ(code_of([&] { member.prove(coming); }), "untrusted-root");
  Rotation(primary.authority()).activate({});
  // The authority still presents its former chain: a cross certificate does not help.
  EXPECT_EQ(code_of([&] { member.prove(coming); }), "untrusted-root");
  EXPECT_EQ(code_of([&] { shake_hands_under(primary.target(), primary.tls_key.key_digest(), coming); }),
            "untrusted-root");
  primary.present_anew();
  shake_hands_under(primary.target(), primary.tls_key.key_digest(), coming);
  EXPECT_EQ(code_of([&] { member.prove(coming); }), "proof-refused") << "its own leaf is under the former root";
  EXPECT_EQ(member.proven(), 0U);
  member.renew({former, coming});
  member.prove(coming, {{.kind = "trust-store", .who = "/etc/cacerts", .is_proven = false, .why = "holds it not"}});
  const std::vector<KeptProof> kept = kept_proofs(primary.authority().store());
  ASSERT_EQ(kept.size(), 2U);
  EXPECT_EQ(kept[0].proof.who, "engine.example.com");
  EXPECT_TRUE(kept[0].proof.is_proven);
  EXPECT_EQ(kept[0].root_sha256, coming.fingerprint());
  EXPECT_FALSE(kept[1].proof.is_proven);
  EXPECT_EQ(kept[1].proof.why, "holds it not");
  // What is told anew takes the place of all that was told.
  member.prove(coming);
  EXPECT_EQ(member.proven(), 1U);
  // The former root, which the cross certificate leads to; and a step that wipes what was proven before.
  EXPECT_EQ(code_of([&] { member.prove(former); }), "proof-refused");
  Rotation(primary.authority()).replace_at_once({});
  EXPECT_EQ(member.proven(), 0U);
}

TEST(AnchorProof, OfARemovedMemberOrAnotherKeyOrForAnotherIsRefused) {
  Primary primary;
  MemberSide member(primary);
  Rotation(primary.authority()).prepare({});
  Rotation(primary.authority()).activate({});
  primary.present_anew();
  const Certificate coming = primary.authority().root();
  member.renew({coming});
  const auto refused_with = [&](const std::vector<AnchorProof>& proofs, const PrivateKey& key) {
    return code_of([&] {
      report_proofs({.authority = primary.target(),
                     .authority_pin = primary.tls_key.key_digest(),
                     .member = member.chain.front(),
                     .member_key = key},
                    {.root = coming, .proofs = proofs}, primary.time.clock());
    });
  };
  const AnchorProof own{.kind = "member", .who = "engine.example.com", .is_proven = true, .why = ""};
  EXPECT_EQ(refused_with({own}, PrivateKey::generate(KeyType::ecdsa_p256)), "proof-refused");
  EXPECT_EQ(refused_with({}, *member.key), "proof-refused");
  EXPECT_EQ(refused_with({own, own}, *member.key), "proof-refused");
  EXPECT_EQ(refused_with({own, {.kind = "member", .who = "other", .is_proven = true, .why = ""}}, *member.key),
            "proof-refused");
  EXPECT_EQ(refused_with({own, {.kind = "collector", .who = "x", .is_proven = true, .why = ""}}, *member.key),
            "proof-refused");
  EXPECT_EQ(member.proven(), 0U);
  EXPECT_EQ(refused_with({own}, *member.key), "");
  primary.admission().remove("engine.example.com");
  EXPECT_EQ(refused_with({own}, *member.key), "proof-refused");
}

TEST(AnchorProof, ABodyThatIsNoneIsRefused) {
  ProofStatement statement{.certificate = Bytes(32, 7), .nonce = Bytes(32, 9), .time = 5, .report = "{}"};
  const std::string good = write_proof(statement, Bytes(70, 1));
  EXPECT_EQ(read_proof(good).statement.report, "{}");
  const auto code = [](const std::string& body) { return code_of([&] { (void)read_proof(body); }); };
  for (std::size_t size = 0; size < good.size(); ++size) EXPECT_EQ(code(good.substr(0, size)), "proof-malformed");
  EXPECT_EQ(code(std::string(300 * 1024, '[')), "proof-malformed");
  for (const char* body : {"{}", "[]", R"({"root":"00","proofs":[]})", R"({"root":"","proofs":{}})"}) {
    EXPECT_EQ(code_of([&] { (void)read_report(body); }), "proof-malformed") << body;
  }
  std::string many = R"({"root":")" + std::string(64, 'a') + R"(","proofs":[)";
  for (int at = 0; at < 300; ++at) {
    many += std::string(at == 0 ? "" : ",") + R"({"kind":"member","who":"x","proven":true,"why":""})";
  }
  EXPECT_EQ(code_of([&] { (void)read_report(many + "]}"); }), "proof-malformed");
}

}  // namespace
}  // namespace chancery::federation
