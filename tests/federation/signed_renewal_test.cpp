// Renewing what was signed by hand, against a primary whose clock turns: ends, retries, strangers.
#include "appliance/federation/signed_renewal.h"

#include <gtest/gtest.h>

#include "appliance/authority/signed_by_hand.h"
#include "keystore/bytes/text_encoding.h"
#include "tests/federation/primary.h"

namespace chancery::federation {
namespace {

using testing::Primary;

class SignedRenewalTest : public ::testing::Test {
 protected:
  Certificate sign(const PrivateKey& key) {
    primary_.authority().permit_names({"robot.example.com", "127.0.0.1"});
    return primary_.authority().issue({.purpose = authority::LeafPurpose::client,
                                       .names = {"robot.example.com"},
                                       .public_key_der = key.public_key_der(),
                                       .issued_for = "a test",
                                       .member = authority::owner_of_key(key.public_key_der()),
                                       .identity = "client",
                                       .validity = std::chrono::hours{2}});
  }
  std::vector<Certificate> renew(const Certificate& certificate, const PrivateKey& key, const PrivateKey& next) {
    tls::Target target = primary_.target();
    target.name = primary_.name;
    return renew_signed({.authority = target,
                         .roots = {primary_.authority().root()},
                         .certificate = certificate,
                         .key = key,
                         .next = next},
                        primary_.time.clock());
  }

  Primary primary_;
  PrivateKey key_ = PrivateKey::generate(KeyType::ecdsa_p256);
  PrivateKey next_ = PrivateKey::generate(KeyType::ecdsa_p256);
  Certificate certificate_ = sign(key_);
};

TEST_F(SignedRenewalTest, ARetryWithTheSameKeyIsGivenTheSameCertificate) {
  const std::vector<Certificate> first = renew(certificate_, key_, next_);
  EXPECT_EQ(renew(certificate_, key_, next_).front(), first.front());
  EXPECT_NE(first.front(), certificate_);
  EXPECT_EQ(authority::signed_by_hand(primary_.authority().store()).size(), 2U);
  // What followed renews on, and its first stays good as well; the same key asked for once more is another certificate.
  EXPECT_NE(renew(first.front(), next_, next_).front(), first.front());
}

TEST_F(SignedRenewalTest, OnlyWhileItIsGood) {
  primary_.time.advance(std::chrono::minutes{119});
  const Certificate renewed = renew(certificate_, key_, next_).front();
  EXPECT_GT(renewed.not_after(), certificate_.not_after());
  primary_.time.advance(std::chrono::minutes{1});
  const std::string before = primary_.standing();
  EXPECT_EQ(code_of([&] { (void)renew(certificate_, key_, PrivateKey::generate(KeyType::ecdsa_p256)); }),
            "renew-too-late");
  EXPECT_EQ(primary_.standing(), before);
}

TEST_F(SignedRenewalTest, AnotherKeyARevokedOneAndAWeakOneAreRefused) {
  std::string before = primary_.standing();
  EXPECT_EQ(code_of([&] { (void)renew(certificate_, next_, next_); }), "renew-refused");
  EXPECT_EQ(code_of([&] {
              const Certificate stranger = authority::self_signed(next_, {"robot.example.com"}, system_now());
              (void)renew(stranger, next_, next_);
            }),
            "renew-refused");
  EXPECT_EQ(primary_.standing(), before);
  const Bytes sha256 = from_hex(certificate_.fingerprint());
  EXPECT_EQ(authority::revoke_signed(primary_.authority().store(), sha256, system_now()), 1);
  EXPECT_TRUE(authority::revocable(primary_.authority().store(), sha256).empty());
  before = primary_.standing();
  EXPECT_EQ(code_of([&] { (void)renew(certificate_, key_, next_); }), "renew-refused");
  EXPECT_EQ(primary_.standing(), before);
}

TEST_F(SignedRenewalTest, WhatBelongsToTheFederationIsNotSignedByHand) {
  const Bytes root = from_hex(primary_.authority().root().fingerprint());
  EXPECT_EQ(code_of([&] { (void)authority::revocable(primary_.authority().store(), root); }), "unknown-certificate");
}

}  // namespace
}  // namespace chancery::federation
