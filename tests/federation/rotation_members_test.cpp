// Rotations as members live through them over real TLS on loopback: the bulletin that they follow, renewals and joins in the
// middle of one, and the proof of the coming root.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "appliance/authority/rotation.h"
#include "appliance/federation/anchor_proof.h"
#include "appliance/federation/bulletin.h"
#include "appliance/federation/proof_statement.h"
#include "appliance/federation/renewal.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/x509/der.h"
#include "tests/federation/primary.h"

namespace chancery::federation {
namespace {

using authority::Anchors;
using authority::Authority;
using authority::Rotation;
using std::chrono::days;
using testing::Joiner;
using testing::Primary;

Anchors present_anchors(Primary& primary) { return authority::anchors_of(primary.authority().store()); }

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
    EXPECT_EQ(nlohmann::json::parse(write_bulletin(wanted)).dump(), write_bulletin(wanted));
    EXPECT_EQ(number_of_bulletin(write_bulletin(wanted)), static_cast<std::uint64_t>(step));
    EXPECT_EQ(news.bulletin.roots, present_anchors(primary).roots());
    EXPECT_EQ(news.lists.size(), step == 2 ? 2U : 1U);
  }
}

// A signature is another one each time: the same text was made once.
TEST(Bulletin, IsMadeOnceUntilSomethingInItChanges) {
  Primary primary;
  Authority& authority = primary.authority();
  const auto news = [&] { return primary.admission().news(); };
  std::set<std::string> all;
  const auto expect_new = [&](const std::string& after) {
    (void)news();  // may have made a list
    const std::string text = news();
    EXPECT_TRUE(all.insert(text).second) << after;
    EXPECT_EQ(news(), text) << after;
    const News read = read_news(text, primary.tls_key.public_key_der(), primary.federation);
    EXPECT_EQ(write_bulletin(read.bulletin), write_bulletin(bulletin_of(authority))) << after;
    EXPECT_EQ(read.lists, authority.revocation_lists()) << after;
  };
  expect_new("the beginning");
  authority.permit_names({"more.example.com"});
  expect_new("another issuing CA");
  primary.time.advance(days(15));
  EXPECT_TRUE(all.contains(news())) << "time alone";
  Joiner joiner(primary);
  joiner.time = primary.time;
  const SecretBytes token = primary.token();
  expect_new("the names of a token");
  (void)joiner.join(token);
  EXPECT_TRUE(all.contains(news())) << "a join";
  primary.admission().remove("engine.example.com");
  (void)authority.revocation_lists();  // by another process, before anybody asks this one
  expect_new("a revocation");
  primary.time.advance(days(19));
  EXPECT_TRUE(all.contains(news())) << "the list's time is not over";
  primary.time.advance(days(2));
  expect_new("the list's time");
  Rotation rotation(authority);
  rotation.prepare({});
  expect_new("prepare");
  rotation.activate({});
  expect_new("activate");
  rotation.retire();
  expect_new("retire");
  rotation.replace_at_once({});
  expect_new("an emergency");
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
  for (const char* none : {"", "{}", "[1]", R"({"number":"1"})", R"({"number":-1})", R"({"number":{"number":1}})",
                           R"({"a":{"number":1}})", R"({"number")", R"([[[[[)"}) {
    EXPECT_EQ(code_of([&] { (void)number_of_bulletin(none); }), "bulletin-invalid") << none;
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
  const Certificate coming = *present_anchors(primary).next_root;
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
  // What the authority knew of its anchors a moment ago is not what it goes by.
  primary.present_anew();
  const Certificate fresh = primary.authority().root();
  member.renew({fresh});
  member.prove(fresh);
  EXPECT_EQ(member.proven(), 1U);
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
