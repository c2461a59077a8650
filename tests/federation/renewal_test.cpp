// Renewals, as the product does them on both sides over real TLS on loopback, and everything that is no renewal.
#include "appliance/federation/renewal.h"

#include <gtest/gtest.h>

#include "appliance/authority/register.h"
#include "appliance/federation/join_wire.h"
#include "appliance/federation/roster.h"
#include "appliance/membership/revocation_list.h"
#include "keystore/bytes/text_encoding.h"
#include "tests/federation/primary.h"

namespace chancery::federation {
namespace {

using std::chrono::days;
using testing::Joiner;
using testing::Primary;

// A member that has joined, and asks for renewal with what it has.
struct MemberSide {
  explicit MemberSide(Primary& primary) : time(primary.time), joiner(primary) {
    joiner.time = time;
    joined = joiner.join(primary.token());
    request = RenewalRequest{.authority = primary.target(),
                             .authority_pin = primary.tls_key.key_digest(),
                             .federation = primary.federation,
                             .member = joined->chains.at("member").front(),
                             .member_key = joiner.request.identities.front().key,
                             .roots = {joined->root},
                             .identities = {}};
    new_keys();
  }
  void new_keys() {
    request->identities.clear();
    for (const char* identity : {"member", "engine", "console"}) {
      request->identities.push_back({identity, PrivateKey::generate(KeyType::ecdsa_p256)});
    }
  }
  Renewed renew() const { return federation::renew(*request, time.clock()); }
  // As the manager does once the answer is in force.
  void take(const Renewed& renewed) {
    request->member = renewed.chains.at("member").front();
    request->member_key = request->identities.front().key;
    new_keys();
  }

  testing::TurningClock time;  // the primary's: both turn together
  Joiner joiner;
  std::optional<Joined> joined;
  std::optional<RenewalRequest> request;
};

TEST(RenewalTime, IsTwoThirdsOfALifeAndUpToATwentiethMore) {
  Primary primary;
  std::set<Instant> moments;
  for (int turn = 0; turn < 50; ++turn) {
    const Certificate leaf =
        primary.authority().issue({.names = {primary.name},
                                   .public_key_der = PrivateKey::generate(KeyType::ecdsa_p256).public_key_der(),
                                   .issued_for = "test"});
    const auto life = leaf.not_after() - leaf.not_before();
    EXPECT_EQ(renewable_from(leaf), leaf.not_before() + life * 2 / 3);
    EXPECT_GE(renew_at(leaf), renewable_from(leaf));
    EXPECT_LE(renew_at(leaf), renewable_from(leaf) + life / 20);
    EXPECT_EQ(renew_at(leaf), renew_at(leaf));
    EXPECT_GT(leaf.not_after() - renew_at(leaf), days(90));  // ample time for a primary that is away
    moments.insert(renew_at(leaf));
  }
  EXPECT_GT(moments.size(), 40U) << "all at one moment";
}

TEST(Renewal, GivesNewCertificatesForNewKeysAndTheSameNames) {
  Primary primary;
  MemberSide member(primary);
  primary.time.advance(days(280));
  const Renewed renewed = member.renew();
  ASSERT_EQ(renewed.chains.size(), 3U);
  for (const JoinIdentity& each : member.request->identities) {
    const Certificate& leaf = renewed.chains.at(each.identity).front();
    const Certificate& former = member.joined->chains.at(each.identity).front();
    EXPECT_TRUE(each.key.belongs_to(leaf));
    EXPECT_GT(leaf.not_after(), former.not_after() + days(270));
    ASSERT_EQ(leaf.names().size(), former.names().size());
    for (std::size_t at = 0; at < leaf.names().size(); ++at) {
      EXPECT_EQ(to_text(leaf.names()[at]), to_text(former.names()[at]));
    }
    EXPECT_EQ(leaf.extended_key_usages(), former.extended_key_usages());
  }
  const Member entry = primary.admission().members().front();
  ASSERT_EQ(entry.certificates.size(), 3U);
  for (std::size_t at = 0; at < 3; ++at) {
    EXPECT_EQ(entry.certificates[at], renewed.chains.at(member.request->identities[at].identity).front());
  }
  EXPECT_EQ(entry.joined, member.joined->chains.at("member").front().not_before() + std::chrono::hours(1));
}

TEST(Renewal, ALostReplyIsAskedForAgainAlsoAfterARestartAndGivesTheSame) {
  Primary primary;
  const MemberSide member(primary);
  const Renewed first = member.renew();
  primary.restart();
  const std::string before = primary.standing();
  const Renewed second = member.renew();
  for (const auto& [identity, chain] : first.chains) EXPECT_EQ(chain.front(), second.chains.at(identity).front());
  EXPECT_EQ(primary.standing(), before);
  // Restored from a backup set, with its earlier certificate and other keys: still a member.
  MemberSide again = member;
  again.new_keys();
  EXPECT_NE(again.renew().chains.at("member").front(), first.chains.at("member").front());
}

TEST(Renewal, GoesOnForYears) {
  Primary primary;
  MemberSide member(primary);
  for (int turn = 0; turn < 9; ++turn) {
    primary.time.advance(days(270));
    member.take(member.renew());
  }
  ASSERT_EQ(primary.admission().members().size(), 1U);
  EXPECT_EQ(primary.admission().members().front().certificates.size(), 3U);
}

TEST(Renewal, AnExpiredMemberComesBackForNinetyDaysAndNoLonger) {
  Primary primary;
  const MemberSide member(primary);
  primary.time.advance(days(397 + 89));
  EXPECT_EQ(member.renew().chains.size(), 3U);

  MemberSide late(primary);
  primary.time.advance(days(397 + 91));
  const std::string before = primary.standing();
  EXPECT_EQ(code_of([&] { (void)late.renew(); }), "renew-too-late");
  EXPECT_EQ(primary.standing(), before);
}

TEST(Renewal, WhatWasIssuedBeforeTheRegisterKnewOwnersIsRenewedToo) {
  Primary primary;
  const MemberSide member(primary);
  // The register as an earlier version left it, brought to this one when it is opened.
  auto& store = primary.authority().store();
  store.write([&] {
    for (const char* table : {"rotation", "retired_anchors", "proofs", "lost", "revocation_lists", "issuer"}) {
      store.run(std::string("DROP TABLE ") + table);
    }
    store.run("DROP INDEX certificates_by_member");
    store.run("DROP INDEX certificates_revoked");
    for (const char* column : {"member", "identity", "key_sha256", "revoked"}) {
      store.run(std::string("ALTER TABLE certificates DROP COLUMN ") + column);
    }
    store.run("PRAGMA user_version = 1");
  });
  primary.restart();
  EXPECT_EQ(authority::issued_to(primary.authority().store(), "engine.example.com").size(), 3U);
  EXPECT_EQ(member.renew().chains.size(), 3U);
  EXPECT_EQ(primary.admission().members().front().certificates.size(), 3U);
}

TEST(Renewal, AnotherKeyThanTheJoinPinnedIsARelay) {
  Primary primary;
  MemberSide member(primary);
  member.request->authority_pin = PrivateKey::generate(KeyType::ecdsa_p256).key_digest();
  const std::string before = primary.standing();
  EXPECT_EQ(code_of([&] { (void)member.renew(); }), "relay-suspected");
  EXPECT_EQ(primary.standing(), before);
}

TEST(Renewal, ADifferenceOfClocksIsTold) {
  Primary primary;
  MemberSide member(primary);
  member.time = testing::TurningClock{std::make_shared<Instant>(*primary.time.now + days(2))};
  const std::string before = primary.standing();
  EXPECT_EQ(code_of([&] { (void)member.renew(); }), "clock-skew");
  EXPECT_EQ(primary.standing(), before);
}

// Requests made by hand; both ends of a session have one exporter, so the client's stands in for the server's.
class HostileRenewal : public ::testing::Test {
 protected:
  tls::Connection connect() const {
    tls::ClientOptions options;
    options.pin = primary_.tls_key.key_digest();
    options.alpn = {"http/1.1"};
    return tls::Connection::connect(primary_.target(), tls::ClientContext(std::move(options)),
                                    tls::within(std::chrono::seconds(5)));
  }
  JoinStatement statement(const Certificate& certificate) const {
    JoinStatement made;
    made.token_id = from_hex(certificate.fingerprint());
    made.nonce = Bytes(nonce_size, 7);
    made.time = primary_.time.now->time_since_epoch().count();
    made.requests.push_back({"member", CertificateRequest::make(PrivateKey::generate(KeyType::ecdsa_p256), {})});
    return made;
  }
  std::string signed_body(const JoinStatement& made, const PrivateKey& key) const {
    const SecretBytes session = link_.exporter(renewal_session_label, session_secret_size);
    return write_renewal({made, key.sign(view_of(joiner_transcript(made, view_of(session), Exchange::renewal)))});
  }
  Admission::WireAnswer say(const std::string& body) {
    return primary_.admission().answer_renewal(body, link_, "192.0.2." + std::to_string(++address_) + ":4711");
  }
  void expect_refused(const std::string& body, const std::string& what) {
    const std::string before = primary_.standing();
    const auto answer = say(body);
    EXPECT_EQ(answer.status, 403) << what;
    EXPECT_EQ(read_refusal(answer.body).code, "renew-refused") << what;
    EXPECT_EQ(answer.body, the_refusal_) << what;
    EXPECT_EQ(primary_.standing(), before) << what;
  }

  Primary primary_;
  MemberSide member_{primary_};
  tls::Connection link_ = connect();
  int address_ = 0;
  const Certificate& own_ = member_.request->member;
  const PrivateKey& key_ = member_.request->member_key;
  const std::string the_refusal_ = primary_.admission().answer_renewal("", link_, "198.51.100.1:1").body;
};

TEST_F(HostileRenewal, ARightOneIsAnswered) {
  const auto answer = say(signed_body(statement(own_), key_));
  EXPECT_EQ(answer.status, 200) << answer.body;
}

TEST_F(HostileRenewal, OnlyTheKeyOfAMembersOwnCertificateCounts) {
  expect_refused(signed_body(statement(own_), PrivateKey::generate(KeyType::ecdsa_p256)), "another key");
  JoinStatement unknown = statement(own_);
  unknown.token_id[0] ^= 1U;
  expect_refused(signed_body(unknown, key_), "unknown certificate");
  const Certificate engine = member_.joined->chains.at("engine").front();
  expect_refused(signed_body(statement(engine), member_.joiner.request.identities[1].key), "a server certificate");
  const PrivateKey client_key = PrivateKey::generate(KeyType::ecdsa_p256);
  const Certificate client = primary_.authority().issue({.purpose = authority::LeafPurpose::client,
                                                         .names = {primary_.name},
                                                         .public_key_der = client_key.public_key_der(),
                                                         .issued_for = "authority sign"});
  expect_refused(signed_body(statement(client), client_key), "a client certificate");
}

TEST_F(HostileRenewal, NothingOfAnotherSessionOrExchangeCounts) {
  const JoinStatement made = statement(own_);
  const tls::Connection other = connect();
  const SecretBytes foreign = other.exporter(renewal_session_label, session_secret_size);
  expect_refused(
      write_renewal({made, key_.sign(view_of(joiner_transcript(made, view_of(foreign), Exchange::renewal)))}),
      "replayed in another session");
  const SecretBytes session = link_.exporter(renewal_session_label, session_secret_size);
  expect_refused(write_renewal({made, key_.sign(view_of(joiner_transcript(made, view_of(session), Exchange::join)))}),
                 "signed as a join");
  expect_refused(
      write_renewal({made, key_.sign(view_of(authority_transcript(made, view_of(session), "", Exchange::renewal)))}),
      "the authority's own words");
  JoinStatement altered = made;
  const SecretBytes transcript = joiner_transcript(made, view_of(session), Exchange::renewal);
  altered.requests = statement(own_).requests;
  expect_refused(write_renewal({altered, key_.sign(view_of(transcript))}), "CSR swapped");
}

TEST_F(HostileRenewal, NothingIsGivenBeyondWhatIsItsOwn) {
  JoinStatement wrong = statement(own_);
  wrong.requests[0].identity = "authority-tls";
  expect_refused(signed_body(wrong, key_), "an identity of the primary");
  wrong.requests[0] = {"member", CertificateRequest::make(PrivateKey::generate(KeyType::ecdsa_p256),
                                                          {parse_name("primary.example.com")})};
  expect_refused(signed_body(wrong, key_), "other names");
  wrong.requests.clear();
  expect_refused(signed_body(wrong, key_), "no CSR");
  wrong = statement(own_);
  wrong.requests.push_back({"engine", wrong.requests[0].request});
  expect_refused(signed_body(wrong, key_), "one key twice");
  for (const char* text : {"", "{}", "[]", "{\"certificate\":\"00\"}"}) expect_refused(text, text);
}

TEST_F(HostileRenewal, WhoJoinedAnewDoesNotRenewWithWhatItHadBefore) {
  primary_.time.advance(std::chrono::seconds(10));
  Joiner again(primary_);
  again.time = primary_.time;
  (void)again.join(primary_.token());
  expect_refused(signed_body(statement(own_), key_), "an earlier membership");
}

TEST_F(HostileRenewal, ARevokedCertificateOfAPresentMemberIsNotRenewed) {
  auto& store = primary_.authority().store();
  store.run("UPDATE certificates SET revoked = 1 WHERE sha256 = ?", {from_hex(own_.fingerprint())});
  expect_refused(signed_body(statement(own_), key_), "revoked");
}

TEST_F(HostileRenewal, WhoWasRemovedDoesNotRenewNorAskWithItsTokenAgain) {
  EXPECT_EQ(primary_.admission().remove("engine.example.com"), 3);
  EXPECT_TRUE(primary_.admission().members().empty());
  expect_refused(signed_body(statement(own_), key_), "revoked");
  EXPECT_EQ(primary_.admission().tokens().front().state, "revoked");
  EXPECT_EQ(primary_.admission().remove("engine.example.com"), 0);
  EXPECT_EQ(code_of([&] { (void)primary_.admission().remove("nobody.example.com"); }), "unknown-member");
}

TEST(RevocationList, IsMadeAnewAfterEachRevocationAndBeforeItEnds) {
  Primary primary;
  const auto read = [&] { return RevocationList::from_der(primary.authority().revocation_list()); };
  const RevocationList first = read();
  EXPECT_EQ(first.number(), 1U);
  EXPECT_TRUE(first.serials().empty());
  EXPECT_TRUE(first.is_signed_by(primary.authority().issuing()));
  EXPECT_FALSE(first.is_signed_by(primary.authority().root()));
  primary.time.advance(days(19));
  EXPECT_EQ(read().der(), first.der());
  primary.time.advance(days(2));
  EXPECT_EQ(read().number(), 2U);
  EXPECT_GT(read().next_update(), first.next_update());

  const MemberSide member(primary);
  const Renewed renewed = member.renew();
  EXPECT_EQ(primary.admission().remove("engine.example.com"), 6);  // what it had before its renewal, too
  const RevocationList list = read();
  EXPECT_EQ(list.number(), 3U);
  EXPECT_TRUE(list.lists(member.joined->chains.at("engine").front()));
  EXPECT_TRUE(list.lists(renewed.chains.at("member").front()));
  EXPECT_FALSE(list.lists(primary.authority().issuing()));
  primary.restart();
  EXPECT_EQ(read().der(), list.der());
  EXPECT_EQ(RevocationList::from_pem(view_of(list.to_pem())).der(), list.der());
  // Forgotten a month after their own end.
  primary.time.advance(days(397 + 31));
  EXPECT_TRUE(read().serials().empty());
}

TEST(RevocationList, WhatIsNoneIsRefusedAndAFlippedBitIsNotSigned) {
  Primary primary;
  const Bytes good = primary.authority().revocation_list();
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(code_of([&] { (void)RevocationList::from_der(ByteView(good).first(size)); }), "bad-crl") << size;
  }
  for (std::size_t at = 0; at < good.size(); ++at) {
    Bytes flipped = good;
    flipped[at] ^= 0x10U;
    try {
      const RevocationList list = RevocationList::from_der(flipped);
      EXPECT_FALSE(list.is_signed_by(primary.authority().issuing())) << at;
    } catch (const Failure& failure) {
      EXPECT_EQ(failure.code(), "bad-crl") << at;
    }
  }
}

TEST_F(HostileRenewal, AThousandAttemptsFromOneAddressHaveToWait) {
  int refused = 0;
  for (int turn = 0; turn < 50; ++turn) {
    refused += primary_.admission().answer_renewal("{}", link_, "203.0.113.5:1").status == 403 ? 1 : 0;
  }
  EXPECT_EQ(refused, 10);
}

}  // namespace
}  // namespace chancery::federation
