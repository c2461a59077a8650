// What a profile would agree to with a client, tried in memory. That it is what then happens is system_rehearsal_policy's.
#include "appliance/tls/negotiation.h"

#include <gtest/gtest.h>

#include "tests/failure_code.h"
#include "tests/tls/workbench.h"

namespace chancery::test {
namespace {

using tls::ClientOffer;
using tls::NegotiatingServer;
using tls::ProtocolLists;

constexpr const char* newer = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384";
constexpr const char* older = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256";

ClientOffer both() { return {.ciphers = std::string(newer) + ":" + older, .groups = "X25519:prime256v1"}; }
ClientOffer only_older() { return {.ciphers = older, .groups = "X25519:prime256v1"}; }
ClientOffer only_newer() { return {.ciphers = newer, .groups = "X25519:prime256v1"}; }

std::string verdict(const ProtocolLists& lists, const ClientOffer& offer, const std::string& leaf = "a") {
  const auto fault = NegotiatingServer(lists, Pki::get().certificate(leaf)).refusal_of(offer);
  return fault ? fault->code : "";
}

TEST(NegotiationTest, WhatBothHaveIsAgreedTo) {
  EXPECT_EQ(verdict({}, both()), "");
  EXPECT_EQ(verdict({}, only_older()), "");
  EXPECT_EQ(verdict({}, only_newer()), "");
  EXPECT_EQ(verdict({.groups = "P-256"}, both()), "");
}

TEST(NegotiationTest, WhatIsMissingIsNamed) {
  EXPECT_EQ(verdict({.minimum_protocol = "TLSv1.3"}, only_older()), "protocol-version");
  EXPECT_EQ(verdict({.groups = "P-521"}, both()), "no-common-group");
  EXPECT_EQ(verdict({.groups = "P-521"}, only_older()), "no-common-group");
  EXPECT_EQ(verdict({.ciphers = "TLS_CHACHA20_POLY1305_SHA256"}, only_newer()), "no-common-cipher");
  EXPECT_EQ(verdict({.ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"}, only_older()),
            "no-common-cipher");
  // The newer protocol keeps its own list.
  EXPECT_EQ(verdict({.ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"}, both()), "");
}

TEST(NegotiationTest, TheKindOfTheCertificatesKeyDecidesAboutOlderSuites) {
  const ProtocolLists for_ecdsa{.ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256"};
  const ProtocolLists for_rsa{.ciphers = "ECDHE-RSA-AES128-GCM-SHA256"};
  EXPECT_EQ(verdict(for_ecdsa, only_older(), "a"), "");
  EXPECT_EQ(verdict(for_rsa, only_older(), "rsa"), "");
  EXPECT_EQ(verdict(for_rsa, only_older(), "a"), "no-common-cipher");
  EXPECT_EQ(verdict(for_ecdsa, only_older(), "rsa"), "no-common-cipher");
  EXPECT_EQ(verdict(for_ecdsa, both(), "rsa"), "");
}

TEST(NegotiationTest, ClientsOfOurOwnAreTriedAsTheyAre) {
  tls::ClientOptions options;
  options.trust_pem = Pki::get().bytes("root.pem");
  const tls::ClientContext client(std::move(options));
  const Certificate leaf = Pki::get().certificate("a");
  EXPECT_FALSE(NegotiatingServer({}, leaf).refusal_of(client));
  EXPECT_FALSE(NegotiatingServer({.minimum_protocol = "TLSv1.3"}, leaf).refusal_of(client));
  EXPECT_TRUE(NegotiatingServer({.groups = "P-521"}, leaf).refusal_of(client));
}

TEST(NegotiationTest, TextAndBack) {
  EXPECT_EQ(tls::offer_from_text(tls::to_text(both())), both());
  EXPECT_EQ(tls::to_text({}), "");
  for (const char* text : {"", "nonsense", " "}) EXPECT_FALSE(tls::offer_from_text(text).is_known()) << text;
  // What peers or a damaged row could have put there.
  EXPECT_EQ(code_of([] { verdict({}, {.ciphers = "NO-SUCH-SUITE", .groups = ""}); }), "no-offer");
  EXPECT_EQ(code_of([] { verdict({}, {.ciphers = older, .groups = "no-such-group"}); }), "no-offer");
  EXPECT_EQ(code_of([] { NegotiatingServer({.groups = "no-such-group"}, Pki::get().certificate("a")); }),
            "bad-profile");
}

}  // namespace
}  // namespace chancery::test
