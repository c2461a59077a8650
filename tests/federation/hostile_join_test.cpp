// Everything a stranger, a thief or a careless joiner may send. The requests are made by hand on a real TLS session;
// both of its ends have the same exporter, so the client's end stands in for the server's.
#include <gtest/gtest.h>

#include <functional>

#include "appliance/federation/attempts.h"
#include "appliance/federation/join_wire.h"
#include "appliance/federation/roster.h"
#include "appliance/federation/token.h"
#include "appliance/federation/token_signature.h"
#include "appliance/http/client.h"
#include "keystore/bytes/text_encoding.h"
#include "tests/federation/primary.h"

namespace chancery::federation {
namespace {

using testing::Primary;
using testing::run_command;

class HostileJoin : public ::testing::Test {
 protected:
  tls::ClientContext pinned() const {
    tls::ClientOptions options;
    options.pin = primary_.tls_key.key_digest();
    options.alpn = {"http/1.1"};
    return tls::ClientContext(std::move(options));
  }
  tls::Connection connect() const {
    return tls::Connection::connect(primary_.target(), pinned(), tls::within(std::chrono::seconds(5)));
  }

  JoinStatement statement(const JoinToken& token) const {
    JoinStatement made;
    made.token_id = token.id;
    made.role = "secondary";
    made.names = {"engine.example.com"};
    made.nonce = Bytes(nonce_size, 7);
    made.time = primary_.time.now->time_since_epoch().count();
    made.requests.push_back(request("member", key_));
    return made;
  }
  static IdentityRequest request(const std::string& identity, const PrivateKey& key) {
    return {identity, CertificateRequest::make(key, {parse_name("engine.example.com")})};
  }
  std::string signed_body(const JoinStatement& statement, const JoinToken& token) const {
    const SecretBytes session = link_.exporter(session_label, session_secret_size);
    const PrivateKey signer = PrivateKey::from_ed25519_seed(view_of(token.seed));
    return write_statement({statement, signer.sign(view_of(joiner_transcript(statement, view_of(session))))});
  }

  JoinToken token() { return read_token(view_of(primary_.token({"engine.example.com"}))); }
  Admission::WireAnswer say(const std::string& body) { return say_from(body, next_address()); }
  Admission::WireAnswer say_from(const std::string& body, const std::string& peer) {
    return primary_.admission().answer(body, link_, peer);
  }
  // Nobody in these tests is to be held up by the failures of another case.
  std::string next_address() { return "192.0.2." + std::to_string(++address_ % 250) + ":4711"; }

  void expect_refused(const std::string& body, const std::string& what) {
    const std::string before = primary_.standing();
    const auto answer = say(body);
    EXPECT_EQ(answer.status, 403) << what;
    EXPECT_EQ(answer.body, the_refusal_) << what;
    EXPECT_EQ(primary_.standing(), before) << what;
  }
  // A correctly signed request about this one CSR, made by somebody else's tool.
  std::string with_csr(const std::string& pem, const JoinToken& token) {
    JoinStatement made = statement(token);
    made.requests = {{"member", CertificateRequest::from_pem(view_of(pem))}};
    return signed_body(made, token);
  }
  std::string openssl_csr(const std::string& arguments) {
    const auto made = run_command("cd " + primary_.folder.path() + " && openssl req -new -nodes -keyout rogue.key " +
                                  arguments + " -out rogue.csr");
    EXPECT_EQ(made.exit_code, 0) << made.output;
    return primary_.folder.read("rogue.csr");
  }

  Primary primary_;
  const PrivateKey key_ = PrivateKey::generate(KeyType::ecdsa_p256);
  tls::Connection link_ = connect();
  int address_ = 0;
  const std::string the_refusal_ = primary_.admission().answer("", link_, "198.51.100.1:1").body;
};

TEST_F(HostileJoin, AThousandGuessesGetOneAnswerAndThenHaveToWait) {
  const std::string good = std::string(text_of(view_of(primary_.token({"engine.example.com"}))));
  const std::string before = primary_.standing();
  int refused = 0;
  int waiting = 0;
  for (int guess = 0; guess < 1000; ++guess) {
    const SecretBytes id = random_secret(16);
    const JoinToken wrong{.id = Bytes(id.begin(), id.end()), .seed = random_secret(32), .authority_pin = {}};
    JoinStatement made = statement(wrong);
    const auto answer = say_from(signed_body(made, wrong), "203.0.113.5:" + std::to_string(10'000 + guess));
    if (answer.status == 403) {
      EXPECT_EQ(answer.body, the_refusal_);
    }
    ++(answer.status == 403 ? refused : waiting);
  }
  EXPECT_EQ(refused, 10);
  EXPECT_EQ(waiting, 990);
  EXPECT_EQ(primary_.standing(), before);
  const std::string log = primary_.log();
  std::size_t lines = 0;
  for (std::size_t at = log.find("from 203.0.113.5:"); at != std::string::npos;
       at = log.find("from 203.0.113.5:", at + 1)) {
    ++lines;
  }
  EXPECT_EQ(lines, 1000U);
  EXPECT_EQ(log.find(good.substr(30, 40)), std::string::npos);
  // Others notice nothing.
  const JoinToken right = read_token(view_of(good));
  EXPECT_EQ(say_from(signed_body(statement(right), right), "203.0.113.6:1").status, 200);
  // And after a minute the address may try again.
  primary_.time.advance(std::chrono::seconds(61));
  EXPECT_EQ(say_from("{}", "203.0.113.5:1").status, 403);
}

TEST_F(HostileJoin, AWrongSeedForAKnownTokenLooksLikeAnUnknownToken) {
  JoinToken known = token();
  known.seed = random_secret(32);
  expect_refused(signed_body(statement(known), known), "wrong seed");
}

TEST_F(HostileJoin, AReplayInAnotherSessionIsRefusedAlsoAfterARestart) {
  const JoinToken mine = token();
  const std::string body = signed_body(statement(mine), mine);
  link_ = connect();
  expect_refused(body, "replay before use");
  EXPECT_EQ(say(signed_body(statement(mine), mine)).status, 200);
  link_ = connect();
  expect_refused(body, "replay after use");
  primary_.restart();
  primary_.time.advance(std::chrono::minutes(1));
  expect_refused(body, "replay after a restart");
}

TEST_F(HostileJoin, WhateverIsAlteredAfterSigningIsRefused) {
  const JoinToken mine = token();
  const JoinStatement original = statement(mine);
  const Bytes signature = read_statement(signed_body(original, mine)).signature;
  const auto altered = [&](const char* what, const std::function<void(JoinStatement&)>& change) {
    JoinStatement changed = original;
    change(changed);
    expect_refused(write_statement({changed, signature}), what);
  };
  altered("role", [](JoinStatement& s) { s.role = "primary"; });
  altered("names", [](JoinStatement& s) { s.names = {"other.example.com"}; });
  altered("more names", [](JoinStatement& s) { s.names.emplace_back("other.example.com"); });
  altered("nonce", [](JoinStatement& s) { s.nonce[0] = 8; });
  altered("time", [](JoinStatement& s) { s.time += 1; });
  altered("identity", [](JoinStatement& s) { s.requests[0].identity = "engine"; });
  altered("CSR of another key",
          [](JoinStatement& s) { s.requests[0] = request("member", PrivateKey::generate(KeyType::ecdsa_p256)); });
  altered("CSR signed anew by the same key", [&](JoinStatement& s) { s.requests[0] = request("member", key_); });
  altered("one CSR more",
          [](JoinStatement& s) { s.requests.push_back(request("engine", PrivateKey::generate(KeyType::ecdsa_p256))); });
  altered("token", [&](JoinStatement& s) { s.token_id = token().id; });
}

TEST_F(HostileJoin, TheAuthoritysOwnWordsAreNoRequest) {
  const JoinToken mine = token();
  const auto granted = say(signed_body(statement(mine), mine));
  ASSERT_EQ(granted.status, 200);
  expect_refused(granted.body, "reply as a request");
  // Even with the right shape: the authority's label is not the joiner's.
  const JoinToken other = token();
  const JoinStatement made = statement(other);
  const SecretBytes session = link_.exporter(session_label, session_secret_size);
  const PrivateKey signer = PrivateKey::from_ed25519_seed(view_of(other.seed));
  expect_refused(write_statement({made, signer.sign(view_of(authority_transcript(made, view_of(session), "{}")))}),
                 "signed under the authority's label");
}

TEST_F(HostileJoin, SignedButNotAllowed) {
  const JoinToken mine = token();
  const auto signed_and_refused = [&](const char* what, const std::function<void(JoinStatement&)>& change) {
    JoinStatement changed = statement(mine);
    change(changed);
    expect_refused(signed_body(changed, mine), what);
  };
  signed_and_refused("role", [](JoinStatement& s) { s.role = "primary"; });
  signed_and_refused("names", [](JoinStatement& s) { s.names = {"primary.example.com"}; });
  signed_and_refused("no names", [](JoinStatement& s) { s.names.clear(); });
  signed_and_refused("a name twice", [](JoinStatement& s) { s.names = {s.names[0], s.names[0]}; });
  signed_and_refused("no CSR", [](JoinStatement& s) { s.requests.clear(); });
  signed_and_refused("the authority's identity", [](JoinStatement& s) { s.requests[0].identity = "authority-tls"; });
  signed_and_refused("the portal's identity", [](JoinStatement& s) { s.requests[0].identity = "portal"; });
  signed_and_refused("unknown identity", [](JoinStatement& s) { s.requests[0].identity = "../../root"; });
  signed_and_refused("one key twice", [&](JoinStatement& s) { s.requests.push_back(request("engine", key_)); });
  signed_and_refused("one identity twice", [](JoinStatement& s) {
    s.requests.push_back(request("member", PrivateKey::generate(KeyType::ecdsa_p256)));
  });
}

TEST_F(HostileJoin, RogueRequestsOfOpensslGetNothing) {
  const JoinToken mine = token();
  const std::string ec = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 ";
  const std::vector<std::pair<std::string, std::string>> rogues{
      {"RSA 1024", "-newkey rsa:1024 -subj /CN=engine.example.com"},
      {"secp256k1", "-newkey ec -pkeyopt ec_paramgen_curve:secp256k1 -subj /CN=engine.example.com"},
      {"explicit curve", "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit -subj /CN=x"},
      {"foreign name", ec + "-subj /CN=x -addext subjectAltName=DNS:primary.example.com"},
      {"one name more", ec + "-subj /CN=x -addext subjectAltName=DNS:engine.example.com,DNS:bank.example.org"},
      {"wildcard", ec + "-subj /CN=x -addext subjectAltName=DNS:*.example.com"},
      {"address", ec + "-subj /CN=x -addext subjectAltName=DNS:engine.example.com,IP:192.0.2.1"},
      {"another member's URI",
       ec + "-subj /CN=x -addext subjectAltName=URI:chancery://3fa2b5c6d7e8f901/member/primary/p"},
      {"HTML in a name", ec + "-subj /CN=x -addext 'subjectAltName=DNS:<script>alert(1)</script>'"}};
  for (const auto& [what, arguments] : rogues) expect_refused(with_csr(openssl_csr(arguments), mine), what);
}

TEST_F(HostileJoin, WhatACsrAsksForBesidesNamesIsNeverGiven) {
  const JoinToken mine = token();
  const std::string csr = openssl_csr(
      "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj '/CN=<b>evil</b>/O=Bank' "
      "-addext basicConstraints=critical,CA:TRUE -addext keyUsage=keyCertSign,cRLSign "
      "-addext extendedKeyUsage=codeSigning,OCSPSigning -addext nsCertType=sslCA");
  const auto answer = say(with_csr(csr, mine));
  ASSERT_EQ(answer.status, 200);
  ASSERT_EQ(primary_.admission().members().size(), 1U);
  const Certificate leaf = primary_.admission().members().front().certificates.front();
  EXPECT_FALSE(leaf.is_ca());
  EXPECT_FALSE(leaf.may_sign_certificates());
  EXPECT_EQ(leaf.extended_key_usages(), (std::vector<std::string>{"1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"}));
  EXPECT_EQ(leaf.subject().find("evil"), std::string::npos);
  EXPECT_EQ(leaf.subject().find("Bank"), std::string::npos);
  EXPECT_EQ(leaf.common_name(), "engine.example.com");
  EXPECT_EQ(leaf.names().size(), 2U);
}

TEST_F(HostileJoin, ACsrThatIsNotSignedByItsKeyIsRefused) {
  const JoinToken mine = token();
  const CertificateRequest good = request("member", key_).request;
  Bytes bad = good.der();
  bad.back() ^= 1;
  JoinStatement made = statement(mine);
  made.requests = {{"member", CertificateRequest::from_der(bad)}};
  expect_refused(signed_body(made, mine), "bad self-signature");
}

TEST_F(HostileJoin, MalformedBodiesLookLikeWrongTokens) {
  const JoinToken mine = token();
  const std::string good = signed_body(statement(mine), mine);
  const std::string deep(5000, '[');
  for (const std::string& body :
       {std::string("{}"), std::string("null"), std::string("[]"), std::string("\0\0", 2), deep,
        std::string(300 * 1024, ' '), good + " x", good.substr(0, good.size() / 2), "{\"extra\":1," + good.substr(1),
        "{\"role\":\"secondary\"," + good.substr(1),
        std::string(
            "{\"token\":1,\"role\":[],\"names\":{},\"nonce\":null,\"time\":\"x\",\"requests\":0,\"signature\":0}")}) {
    expect_refused(body, body.substr(0, 60));
  }
  EXPECT_EQ(say(good).status, 200);
}

TEST_F(HostileJoin, AFailureOfTheAuthorityLeavesTheTokenOpen) {
  JoinToken mine{.id = Bytes(16, 5), .seed = random_secret(32), .authority_pin = {}};
  const PrivateKey signer = PrivateKey::from_ed25519_seed(view_of(mine.seed));
  // A token whose name the issuing CA may not issue: as if the register had been put together from two backups.
  enter_token(primary_.authority().store(), {.id = mine.id,
                                             .public_key_der = signer.public_key_der(),
                                             .role = "secondary",
                                             .names = {"elsewhere.example.org"},
                                             .created = *primary_.time.now,
                                             .expires = *primary_.time.now + std::chrono::hours(1)});
  JoinStatement made = statement(mine);
  made.names = {"elsewhere.example.org"};
  made.requests = {{"member", CertificateRequest::make(key_, {parse_name("elsewhere.example.org")})}};
  const std::string before = primary_.standing();
  EXPECT_EQ(say(signed_body(made, mine)).status, 503);
  EXPECT_EQ(primary_.standing(), before);
}

TEST_F(HostileJoin, OverHttpOnlyASmallPostIsTaken) {
  const auto ask = [&](const http::Request& request) {
    return http::request(primary_.target(), pinned(), request, std::chrono::seconds(5)).status;
  };
  const std::string before = primary_.standing();
  for (const char* method : {"GET", "PUT", "DELETE"}) {
    EXPECT_EQ(ask({.method = method, .path = "/join", .content_type = "", .body = "", .headers = {}}), 405) << method;
  }
  EXPECT_EQ(ask({.method = "POST",
                 .path = "/join",
                 .content_type = "application/json",
                 .body = std::string(257 * 1024, 'a'),
                 .headers = {}}),
            413);
  EXPECT_EQ(primary_.standing(), before);
}

TEST_F(HostileJoin, Tls12IsNotSpoken) {
  const auto spoken = run_command(
      "openssl s_client -tls1_2 -connect 127.0.0.1:" + std::to_string(primary_.target().port) + " < /dev/null");
  EXPECT_NE(spoken.exit_code, 0) << spoken.output;
}

TEST(AttemptsAddress, PortsAreLeftOutAndIpv6NetworksCountAsOne) {
  EXPECT_EQ(Attempts::address_of("192.0.2.1:99"), "192.0.2.1");
  EXPECT_EQ(Attempts::address_of("192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(Attempts::address_of("[2001:db8:1:2:3::9]:443"), "2001:db8:1:2::/64");
  EXPECT_EQ(Attempts::address_of("2001:db8:1:2::1"), "2001:db8:1:2::/64");
  EXPECT_EQ(Attempts::address_of("[::ffff:192.0.2.1]:443"), "192.0.2.1");
}

TEST(AttemptsMemory, IsBoundedAndForgetsTheOldest) {
  Attempts attempts;
  const Instant start = system_now();
  for (int count = 0; count < 10; ++count) attempts.failed("192.0.2.1:1", start);
  EXPECT_TRUE(attempts.must_wait("192.0.2.1:2", start + std::chrono::seconds(59)));
  EXPECT_FALSE(attempts.must_wait("192.0.2.1:2", start + std::chrono::seconds(60)));
  EXPECT_FALSE(attempts.must_wait("192.0.2.1:2", start - std::chrono::hours(1)));  // a clock set back
  for (int address = 0; address < 6000; ++address) {
    attempts.failed("10.0." + std::to_string(address / 256) + "." + std::to_string(address % 256), start);
  }
  EXPECT_FALSE(attempts.must_wait("10.0.0.1", start));
}

// The neutral point as a key makes one signature fit every message where nobody looks at the point's order.
TEST(TokenSignature, IsOfThisKeyOverThisMessageAndNotOfASmallOrderKey) {
  const PrivateKey key = PrivateKey::generate(KeyType::ed25519);
  const Bytes public_key = key.public_key_der();
  const Bytes signature = key.sign(view_of("statement"));
  EXPECT_TRUE(verify_token_signature(public_key, view_of("statement"), signature));
  EXPECT_FALSE(verify_token_signature(public_key, view_of("Statement"), signature));
  EXPECT_FALSE(
      verify_token_signature(PrivateKey::generate(KeyType::ed25519).public_key_der(), view_of("statement"), signature));
  EXPECT_FALSE(verify_token_signature(public_key, view_of("statement"), ByteView(signature).first(63)));
  const PrivateKey other_kind = PrivateKey::generate(KeyType::ecdsa_p256);
  EXPECT_FALSE(
      verify_token_signature(other_kind.public_key_der(), view_of("statement"), other_kind.sign(view_of("statement"))));
  Bytes neutral_key(public_key.begin(), public_key.begin() + 12);
  neutral_key.push_back(1);
  neutral_key.resize(44);
  Bytes fits_all{1};
  fits_all.resize(64);
  EXPECT_TRUE(verify_signature(neutral_key, view_of("statement"), fits_all));  // OpenSSL's verdict, by RFC 8032
  EXPECT_FALSE(verify_token_signature(neutral_key, view_of("statement"), fits_all));
}

}  // namespace
}  // namespace chancery::federation
