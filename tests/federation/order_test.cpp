// Orders: what is sealed opens for one and speaks for one. Whatever is off is refused with its own code; what a refusal
// leaves behind is the manager's tests' matter.
#include "appliance/federation/order.h"

#include <gtest/gtest.h>

#include "appliance/federation/member_uri.h"
#include "appliance/federation/order_seal.h"
#include "tests/federation/fixture.h"

namespace chancery::federation {
namespace {

using authority::Authority;
using authority::LeafPurpose;
using chancery::testing::TemporaryFolder;
using chancery::testing::TurningClock;

struct Party {
  PrivateKey key;
  std::vector<Certificate> chain;
  OrderSigner signer() const { return {.chain = chain, .key = key}; }
  OrderRecipient recipient() const { return {.certificate = chain.front(), .key = key}; }
};

class Orders : public ::testing::Test {
 protected:
  Authority found(const std::string& folder, const std::string& federation, KeyType type = KeyType::ecdsa_p256) {
    return Authority::create(
        Folder::create(folder_.file(folder), {.mode = 0700}), {.mode = 0600},
        {.federation = federation, .names = {"primary.test", "engine.test", "other.test"}, .key_type = type},
        time_.clock());
  }

  Party party(Authority& authority, LeafPurpose purpose, const std::string& uri, const std::string& name) {
    PrivateKey key = PrivateKey::generate(KeyType::ecdsa_p256);
    const Certificate leaf = authority.issue({.purpose = purpose,
                                              .names = {name},
                                              .member_uri = uri,
                                              .public_key_der = key.public_key_der(),
                                              .validity = std::chrono::hours(24)});
    return {.key = std::move(key), .chain = {leaf, authority.issuing()}};
  }
  Party orders_of(Authority& authority) {
    return party(authority, LeafPurpose::orders, orders_uri(authority.federation(), "primary", "primary.test"),
                 "primary.test");
  }
  Party member(Authority& authority, const std::string& role, const std::string& name) {
    return party(authority, LeafPurpose::member, member_uri(authority.federation(), role, name), name);
  }

  Order order() const {
    return {.federation = ours_.federation(),
            .target = "engine.test",
            .id = Bytes(order_id_size, 7),
            .number = 41,
            .issued = *time_.now,
            .expires = *time_.now + std::chrono::minutes(10),
            .text = R"({"verb":"cert-replace","arguments":{}})",
            .attachments = {secret_copy(std::string_view("a key")), SecretBytes(1000, 3)}};
  }
  OrderTrust trust() const { return {.roots = {ours_.root()}}; }
  std::string opening(const Bytes& sealed, const Party& recipient) const { return opening(sealed, recipient, trust()); }
  std::string opening(const Bytes& sealed, const Party& recipient, const OrderTrust& trust) const {
    return code_of([&] { static_cast<void>(open_sealed(sealed, recipient.recipient(), trust, *time_.now)); });
  }

  TemporaryFolder folder_;
  TurningClock time_;
  Authority ours_ = found("ours", "aaaa1111");
  Authority theirs_ = found("theirs", "bbbb2222");
  Party primary_ = orders_of(ours_);
  Party engine_ = member(ours_, "secondary", "engine.test");
};

TEST_F(Orders, AreReadAsTheyWereWritten) {
  const Order sent = order();
  const Bytes sealed = seal(view_of(write_order(sent)), primary_.signer(), engine_.chain.front());
  const Opened opened = open_sealed(sealed, engine_.recipient(), trust(), *time_.now);
  EXPECT_EQ(opened.signer, primary_.chain.front());
  const Orderer giver = orderer(opened.signer, ours_.federation());
  EXPECT_EQ(giver.name, "primary.test");
  EXPECT_TRUE(giver.may_change);
  const Order read = read_order(view_of(opened.content));
  EXPECT_EQ(write_order(read), write_order(sent));
  EXPECT_NO_THROW(expect_for_us(read, ours_.federation(), "engine.test", *time_.now));
  // Neither the target's name nor a file can be seen on the way.
  const std::string bytes(text_of(sealed));
  for (const char* inside : {"engine.test", "a key", "cert-replace", "primary.test"}) {
    EXPECT_EQ(bytes.find(inside), std::string::npos) << inside;
  }
}

TEST_F(Orders, AnRsaFederationSpeaksToo) {
  Authority rsa = found("rsa", "cccc3333", KeyType::rsa_3072);
  const Party primary = orders_of(rsa);
  Party engine = member(rsa, "secondary", "engine.test");
  const PrivateKey key = PrivateKey::generate(KeyType::rsa_3072);
  engine = {.key = key,
            .chain = {rsa.issue({.purpose = LeafPurpose::member,
                                 .names = {"engine.test"},
                                 .member_uri = member_uri("cccc3333", "secondary", "engine.test"),
                                 .public_key_der = key.public_key_der()}),
                      rsa.issuing()}};
  const SecretBytes sent = write_order(order());
  const Bytes sealed = seal(view_of(sent), primary.signer(), engine.chain.front());
  EXPECT_EQ(open_sealed(sealed, engine.recipient(), {.roots = {rsa.root()}}, *time_.now).content, sent);
  EXPECT_EQ(opening(sealed, engine), "order-refused") << "another federation's root";
}

TEST_F(Orders, AreUnreadableForEverybodyElse) {
  const Bytes sealed = seal(view_of(write_order(order())), primary_.signer(), engine_.chain.front());
  EXPECT_EQ(opening(sealed, member(ours_, "secondary", "other.test")), "order-unreadable");
  EXPECT_EQ(opening(sealed, primary_), "order-unreadable");
}

// What lies around the encrypted bytes (a version number, say) is read by nobody: an altered one is refused, or changes
// nothing at all.
TEST_F(Orders, AnAlteredByteAnywhereIsRefused) {
  const SecretBytes sent = write_order(order());
  const Bytes sealed = seal(view_of(sent), primary_.signer(), engine_.chain.front());
  int harmless = 0;
  for (std::size_t at = 0; at < sealed.size(); at += 1 + sealed.size() / 400) {
    Bytes altered = sealed;
    altered[at] ^= 0x01;
    const std::string code = opening(altered, engine_);
    if (code.empty()) {
      ++harmless;
      EXPECT_EQ(open_sealed(altered, engine_.recipient(), trust(), *time_.now).content, sent) << at;
    } else {
      EXPECT_TRUE(code == "order-unreadable" || code == "order-malformed") << at << ": " << code;
    }
  }
  EXPECT_LT(harmless, 8);
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, sealed.size() / 2, sealed.size() - 1}) {
    EXPECT_NE(opening(Bytes(sealed.begin(), sealed.begin() + static_cast<std::ptrdiff_t>(size)), engine_), "") << size;
  }
  Bytes longer = sealed;
  longer.push_back(0);
  EXPECT_EQ(opening(longer, engine_), "order-malformed");
  EXPECT_EQ(opening(Bytes(sealed_order_limit + 1, 0x30), engine_), "order-malformed");
}

TEST_F(Orders, OnlyAPrimaryOfThisFederationGivesThem) {
  const auto judged = [&](const Party& signer) {
    return code_of([&] {
      const Bytes sealed = seal(view_of(write_order(order())), signer.signer(), engine_.chain.front());
      const Opened opened = open_sealed(sealed, engine_.recipient(), trust(), *time_.now);
      static_cast<void>(orderer(opened.signer, ours_.federation()));
    });
  };
  EXPECT_EQ(judged(primary_), "");
  EXPECT_EQ(judged(engine_), "order-refused") << "a member certificate of an engine";
  EXPECT_EQ(judged(orders_of(theirs_)), "order-refused") << "another federation's primary";
  EXPECT_EQ(judged(party(ours_, LeafPurpose::client, "", "primary.test")), "order-refused") << "a client certificate";
  EXPECT_EQ(judged(party(ours_, LeafPurpose::server, "", "primary.test")), "order-refused") << "a server certificate";
  // The primary's member certificate, which its portal has, may ask and not order.
  EXPECT_FALSE(orderer(member(ours_, "primary", "primary.test").chain.front(), ours_.federation()).may_change);
  EXPECT_TRUE(orderer(primary_.chain.front(), ours_.federation()).may_change);
  EXPECT_EQ(code_of([&] { static_cast<void>(orderer(primary_.chain.front(), theirs_.federation())); }),
            "order-refused");
}

TEST_F(Orders, ASignerWithoutItsChainOrPastItsEndIsRefused) {
  const Bytes bare = seal(view_of(write_order(order())), {.chain = {primary_.chain.front()}, .key = primary_.key},
                          engine_.chain.front());
  EXPECT_EQ(opening(bare, engine_), "order-refused");
  const Bytes sealed = seal(view_of(write_order(order())), primary_.signer(), engine_.chain.front());
  EXPECT_EQ(opening(sealed, engine_), "");
  time_.advance(std::chrono::hours(25));
  EXPECT_EQ(opening(sealed, engine_), "order-refused");
}

TEST_F(Orders, ARevokedSignerOrIssuerIsRefused) {
  const Bytes sealed = seal(view_of(write_order(order())), primary_.signer(), engine_.chain.front());
  for (const Certificate& revoked : primary_.chain) {
    const OrderTrust trust{.roots = {ours_.root()},
                           .is_revoked = [&](const Certificate& certificate) { return certificate == revoked; }};
    EXPECT_EQ(opening(sealed, engine_, trust), "order-refused") << revoked.subject();
  }
  const OrderTrust nobody{.roots = {ours_.root()}, .is_revoked = [](const Certificate&) { return false; }};
  EXPECT_EQ(opening(sealed, engine_, nobody), "");
}

TEST_F(Orders, AreForOneMemberAndOneHour) {
  const auto judged = [&](const Order& given) {
    return code_of([&] { expect_for_us(given, ours_.federation(), "engine.test", *time_.now); });
  };
  EXPECT_EQ(judged(order()), "");
  Order other = order();
  other.target = "other.test";
  EXPECT_EQ(judged(other), "order-misdirected");
  other = order();
  other.federation = theirs_.federation();
  EXPECT_EQ(judged(other), "order-misdirected");
  const Order early = order();
  time_.advance(-std::chrono::minutes(59));
  EXPECT_EQ(judged(early), "");
  time_.advance(-std::chrono::minutes(2));
  EXPECT_EQ(judged(early), "clock-skew");
  time_.advance(std::chrono::minutes(61 + 10));
  EXPECT_EQ(judged(early), "order-expired");
  Order lasting = order();
  lasting.expires = lasting.issued + std::chrono::hours(25);
  EXPECT_EQ(judged(lasting), "order-expired");
}

TEST_F(Orders, HaveOneShapeAndOneSize) {
  const auto reading = [](SecretBytes bytes) {
    return code_of([&] { static_cast<void>(read_order(view_of(bytes))); });
  };
  const SecretBytes good = write_order(order());
  EXPECT_EQ(reading(good), "");
  for (std::size_t size = 0; size < good.size(); ++size) {
    ASSERT_EQ(reading({good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size)}), "order-malformed") << size;
  }
  SecretBytes longer = good;
  longer.push_back(0);
  EXPECT_EQ(reading(longer), "order-malformed");
  EXPECT_EQ(
      reading(write_order_reply({.federation = "f", .member = "m", .id = Bytes(16, 1), .digest = {}, .text = "{}"})),
      "order-malformed")
      << "a reply is no order";
  Order large = order();
  large.attachments = {SecretBytes(order_limit, 1)};
  EXPECT_EQ(code_of([&] { static_cast<void>(write_order(large)); }), "too-large");
  large.attachments.assign(65, SecretBytes(1, 1));
  EXPECT_EQ(code_of([&] { static_cast<void>(write_order(large)); }), "too-large");
}

TEST_F(Orders, AnAnswerBelongsToOneOrder) {
  const Order sent = order();
  const OrderReply answer{
      .federation = sent.federation, .member = sent.target, .id = sent.id, .digest = order_digest(sent), .text = "{}"};
  const auto judged = [&](const OrderReply& reply) { return code_of([&] { expect_answer_to(reply, sent); }); };
  EXPECT_EQ(judged(read_order_reply(view_of(write_order_reply(answer)))), "");
  OrderReply other = answer;
  other.member = "other.test";
  EXPECT_EQ(judged(other), "reply-invalid");
  other = answer;
  other.id.back() ^= 1;
  EXPECT_EQ(judged(other), "reply-invalid");
  other = answer;
  Order differing = sent;
  differing.attachments.front().back() ^= 1;
  other.digest = order_digest(differing);
  EXPECT_EQ(judged(other), "reply-invalid");
  // Sent again later it is the same order.
  Order again = sent;
  again.issued += std::chrono::hours(1);
  again.expires += std::chrono::hours(1);
  EXPECT_EQ(order_digest(again), order_digest(sent));
}

}  // namespace
}  // namespace chancery::federation
