// What the CA of NiFi mode certifies, for whom, until when; requests of openssl's: tests/system/test_nifi_server.py.
#include "appliance/nifi/desk.h"

#include <gtest/gtest.h>

#include "appliance/nifi/names.h"
#include "appliance/nifi/wire.h"
#include "keystore/x509/pem.h"
#include "tests/federation/fixture.h"

namespace chancery::nifi {
namespace {

using testing::TemporaryFolder;
using namespace std::chrono_literals;

constexpr char kToken[] = "a token of more than 16 bytes";

SecretBytes token(std::string_view text = kToken) { return secret_copy(text); }

class DeskTest : public ::testing::Test {
 protected:
  DeskTest() : desk_(open(), token(), clock()) {}

  CertificateAuthority open() { return CertificateAuthority::open_or_create(folder_.file("ca"), "ca.test", clock()); }
  Clock clock() const {
    return [this] { return now_; };
  }
  static std::string body_for(const CertificateRequest& request, std::string_view token_text = kToken) {
    const Sha256 mac = mac_over(token(token_text), request.public_key_der());
    return write_request({.mac = Bytes(mac.begin(), mac.end()), .csr_pem = request.to_pem()});
  }
  CertificateRequest request(const std::string& name = "CN=node.test, OU=NIFI") const {
    return make_request(key_, read_subject(name), {});
  }
  static Certificate certificate_of(const Desk::Answer& answer) {
    const std::string text = read_reply(answer.body).certificate_pem;
    pem::Scanner scanner(view_of(text));
    Bytes der;
    EXPECT_TRUE(pem::decode_into(scanner.next()->body, der));
    return Certificate::from_der(der);
  }

  TemporaryFolder folder_;
  Instant now_ = from_rfc3339("2026-11-21T10:00:00Z");
  PrivateKey key_ = PrivateKey::generate(KeyType::ecdsa_p256);  // the protocol does not say which
  Desk desk_;
};

TEST_F(DeskTest, ALeafIsPlainAndProven) {
  const Desk::Answer answer = desk_.answer(body_for(request()), "192.0.2.1:1");
  ASSERT_EQ(answer.status, 200) << answer.body;
  const Certificate leaf = certificate_of(answer);
  const Certificate& authority = desk_.authority().certificate();
  EXPECT_TRUE(leaf.is_signed_by(authority));
  EXPECT_TRUE(key_.belongs_to(leaf));
  EXPECT_FALSE(leaf.is_ca());
  EXPECT_FALSE(leaf.may_sign_certificates());
  EXPECT_EQ(leaf.extended_key_usages(), (std::vector<std::string>{"1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"}));
  EXPECT_EQ(leaf.not_after(), now_ + 825 * 24h);
  EXPECT_EQ(leaf.not_before(), now_ - 1h + 0s < authority.not_before() ? authority.not_before() : now_ - 1h);
  const Sha256 expected = mac_over(token(), desk_.authority().key().public_key_der());
  EXPECT_EQ(read_reply(answer.body).mac, Bytes(expected.begin(), expected.end()));
}

TEST_F(DeskTest, NoLeafOutlivesTheAuthority) {
  now_ += 3600 * 24h;
  const Desk::Answer answer = desk_.answer(body_for(request()), "192.0.2.1:1");
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(certificate_of(answer).not_after(), desk_.authority().certificate().not_after());
  now_ += 51 * 24h;
  EXPECT_EQ(desk_.answer(body_for(request()), "192.0.2.1:1").body, R"({"error":"server error"})");
  EXPECT_EQ(code_of([&] { (void)open(); }), "expired");
}

TEST_F(DeskTest, TenWrongTokensAndAnAddressWaitsAMinute) {
  const std::string right = body_for(request());
  const std::string wrong = body_for(request(), "another token of 16 bytes");
  const Desk::Answer first = desk_.answer(wrong, "192.0.2.1:1");
  EXPECT_EQ(first.status, 403);
  EXPECT_EQ(first.body, R"({"error":"forbidden"})");
  for (int count = 1; count < 10; ++count) EXPECT_EQ(desk_.answer(wrong, "192.0.2.1:2").body, first.body);
  EXPECT_EQ(desk_.answer(right, "192.0.2.1:3").body, first.body);
  EXPECT_EQ(desk_.answer(right, "192.0.2.2:1").status, 200);
  now_ += 61s;
  EXPECT_EQ(desk_.answer(right, "192.0.2.1:4").status, 200);
}

TEST_F(DeskTest, LogLinesHoldNoSecret) {
  const std::string body = body_for(request());
  for (const Desk::Answer& answer : {desk_.answer(body, "192.0.2.1:1"), desk_.answer("{}", "192.0.2.1:1"),
                                     desk_.answer(body_for(request(), "another token of 16 bytes"), "192.0.2.1:1")}) {
    EXPECT_FALSE(answer.line.empty());
    EXPECT_EQ(answer.line.find(kToken), std::string::npos);
    EXPECT_EQ(answer.line.find("hmac\":"), std::string::npos);
    EXPECT_EQ(answer.line.find('\n'), std::string::npos);
  }
}

TEST_F(DeskTest, TheSameAuthorityComesBack) {
  const CertificateAuthority again = open();
  EXPECT_FALSE(again.was_created());
  EXPECT_EQ(again.certificate(), desk_.authority().certificate());
  EXPECT_TRUE(desk_.authority().was_created());
  EXPECT_TRUE(again.certificate().is_ca());
  EXPECT_EQ(again.certificate().common_name(), "ca.test");
  EXPECT_EQ(code_of([&] { (void)CertificateAuthority::open_or_create(folder_.file("ca"), "b.test", clock()); }),
            "name-mismatch");
}

TEST_F(DeskTest, ADamagedAuthorityIsNotReplaced) {
  const std::string store = folder_.read("ca/nifi-ca-keystore.jks");
  (void)folder_.write("ca/nifi-ca-keystore.jks", view_of(store.substr(0, store.size() / 2)));
  EXPECT_NE(code_of([&] { (void)open(); }), "");
  EXPECT_EQ(folder_.read("ca/nifi-ca-keystore.jks").size(), store.size() / 2);
  (void)folder_.write("ca/nifi-ca-keystore.jks", view_of(store));
  (void)folder_.write("ca/nifi-ca-keystore.password", bytes_of("another\n"));
  EXPECT_EQ(code_of([&] { (void)open(); }), "wrong-password");
  // Without its keystore the folder is somebody else's.
  std::filesystem::remove(folder_.file("ca/nifi-ca-keystore.jks"));
  EXPECT_EQ(code_of([&] { (void)open(); }), "already-exists");
}

TEST_F(DeskTest, ShortTokensServeNobody) {
  EXPECT_EQ(code_of([&] { (void)Desk(open(), token("fifteen bytes.."), clock()); }), "token-too-short");
}

}  // namespace
}  // namespace chancery::nifi
