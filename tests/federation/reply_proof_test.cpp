// What the joiner refuses although the pinned authority said it: certificates that are not exactly what was asked for.
#include "appliance/federation/reply_proof.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "appliance/federation/join_wire.h"
#include "appliance/federation/json_text.h"
#include "appliance/federation/member_uri.h"
#include "tests/federation/fixture.h"

namespace chancery::federation {
namespace {

using authority::Authority;
using authority::LeafPurpose;

class ReplyProof : public ::testing::Test {
 protected:
  Authority found(const std::string& folder, const std::string& federation) {
    return Authority::create(Folder::create(folder_.file(folder), {.mode = 0700}), {.mode = 0600},
                             {.federation = federation, .names = {"engine.example.com", "other.example.com"}},
                             time_.clock());
  }
  std::vector<Certificate> chain(Authority& authority, LeafPurpose purpose, const std::vector<std::string>& names,
                                 const PrivateKey& key, const std::string& member = "engine.example.com") {
    const std::string uri =
        purpose == LeafPurpose::member ? member_uri(authority.federation(), "secondary", member) : std::string();
    return {authority.issue({.purpose = purpose,
                             .names = names,
                             .member_uri = uri,
                             .public_key_der = key.public_key_der(),
                             .issued_for = "a test"}),
            authority.issuing()};
  }
  std::string judged(const std::vector<Certificate>& offered, bool as_member = true) {
    ExpectedChain expected{.identity = "member", .names = names_, .uri = "", .client = as_member};
    if (as_member) expected.uri = member_uri("f1", "secondary", "engine.example.com");
    return code_of([&] { prove_chain(expected, offered, {ours_.root()}, key_, *time_.now); });
  }

  testing::TemporaryFolder folder_;
  testing::TurningClock time_;
  Authority ours_ = found("ours", "f1");
  Authority theirs_ = found("theirs", "f1");
  const PrivateKey key_ = PrivateKey::generate(KeyType::ecdsa_p256);
  const std::vector<std::string> names_{"engine.example.com"};
};

TEST_F(ReplyProof, WhatWasAskedForIsTaken) {
  EXPECT_EQ(judged(chain(ours_, LeafPurpose::member, names_, key_)), "");
  EXPECT_EQ(judged(chain(ours_, LeafPurpose::server, names_, key_), false), "");
}

TEST_F(ReplyProof, EverythingElseIsRefused) {
  const PrivateKey other = PrivateKey::generate(KeyType::ecdsa_p256);
  const auto good = chain(ours_, LeafPurpose::member, names_, key_);
  EXPECT_EQ(judged(chain(ours_, LeafPurpose::member, names_, other)), "reply-invalid");
  EXPECT_EQ(judged(chain(ours_, LeafPurpose::member, {"other.example.com"}, key_)), "reply-invalid");
  EXPECT_EQ(judged(chain(ours_, LeafPurpose::member, {"engine.example.com", "other.example.com"}, key_)),
            "reply-invalid");
  EXPECT_EQ(judged(chain(ours_, LeafPurpose::member, names_, key_, "other.example.com")), "reply-invalid");
  EXPECT_EQ(judged(chain(ours_, LeafPurpose::server, names_, key_)), "reply-invalid");
  EXPECT_EQ(judged(chain(ours_, LeafPurpose::client, names_, key_), false), "reply-invalid");
  EXPECT_EQ(judged(good, false), "reply-invalid");  // a member's certificate for a mere server
  EXPECT_EQ(judged(chain(theirs_, LeafPurpose::member, names_, key_)), "reply-invalid");
  EXPECT_EQ(judged({good[0], theirs_.issuing()}), "reply-invalid");
  EXPECT_EQ(judged({good[0]}), "reply-invalid");
  EXPECT_EQ(judged({good[0], good[1], ours_.root()}), "reply-invalid");
  EXPECT_EQ(judged({good[1], good[1]}), "reply-invalid");
  EXPECT_EQ(judged({}), "reply-invalid");
  EXPECT_EQ(judged({authority::self_signed(key_, names_, *time_.now), good[1]}), "reply-invalid");
  time_.advance(std::chrono::hours(24 * 400));
  EXPECT_EQ(judged(good), "reply-invalid");  // expired
}

TEST(JoinWire, RepliesAreReadAsTheyAreWrittenAndNotOtherwise) {
  const ReplyText text{.nonce = Bytes(32, 1),
                       .federation = "f1",
                       .root_pem = "root",
                       .chains_pem = {{"member", {"leaf", "issuing"}}},
                       .masked_customer_key = Bytes(32, 2),
                       .portal_host = "127.0.0.1",
                       .portal_port = 443,
                       .portal_name = "primary.example.com",
                       .time = 1'800'000'000};
  const std::string written = write_reply_text(text);
  EXPECT_EQ(write_reply_text(read_reply_text(written)), written);
  const SignedReply reply{written, Bytes(70, 3)};
  EXPECT_EQ(write_signed_reply(read_signed_reply(write_signed_reply(reply))), write_signed_reply(reply));
  const WireRefusal refusal{"clock-skew", "message", "hint", 5};
  EXPECT_EQ(write_refusal(read_refusal(write_refusal(refusal))), write_refusal(refusal));
  for (const std::string& bad : {std::string("{}"), written.substr(1), written + "}", std::string("[]")}) {
    EXPECT_EQ(code_of([&] { (void)read_reply_text(bad); }), "join-malformed");
    EXPECT_EQ(code_of([&] { (void)read_signed_reply(bad); }), "join-malformed");
    EXPECT_EQ(code_of([&] { (void)read_refusal(bad); }), "join-malformed");
  }
}

// As the general writer would, whatever stands in a text.
TEST(JsonText, IsWrittenAsAnybodyElseWouldWriteIt) {
  std::vector<std::string> all{
      "",       "-----BEGIN CERTIFICATE-----\nMIIB\n", "a \"quoted\" \\ back", "gr\u00fc\u00df",
      "\u00fc", "ascii and \u20ac\nthen more"};
  for (char unit = 0; unit >= 0 && unit < 0x7f; ++unit) all.push_back(std::string("x") + unit + "y");
  all.emplace_back("\x7f");
  for (const std::string& text : all) {
    JsonText out(8);
    EXPECT_EQ(out.text(text).take(), nlohmann::json(text).dump());
  }
  JsonText list(8);
  EXPECT_EQ(list.texts(all).take(), nlohmann::json(all).dump());
  JsonText empty(8);
  EXPECT_EQ(empty.texts({}).take(), "[]");
  for (const char* bad : {"\xff", "a\xc3", "\xed\xa0\x80"}) {
    JsonText out(8);
    EXPECT_EQ(code_of([&] { (void)out.text(bad); }), "not-text");
  }
}

}  // namespace
}  // namespace chancery::federation
