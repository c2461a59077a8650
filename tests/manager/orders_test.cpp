// A member's side of orders: each is carried out once, for those who may give it, and taken back by its id. A single
// appliance is its own authority, so that it can be ordered about without another process.
#include <gtest/gtest.h>

#include "appliance/authority/authority.h"
#include "appliance/federation/order.h"
#include "appliance/federation/order_seal.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/x509/material.h"
#include "keystore/x509/request.h"
#include "tests/manager/fixture.h"

namespace chancery::manager::testing {
namespace {

using federation::Order;
using nlohmann::json;

class MemberOrders : public ::testing::Test {
 protected:
  MemberOrders() : signer_(orders_of()) {}

  std::string federation() const {
    return json::parse(read_text(desk_.current("federation/federation.json")))["federation"];
  }
  Certificate member() const {
    return read_material(view_of(read_text(desk_.current("identities/member/certificate.pem"))), {.source = "member"})
        .certificates.front();
  }

  federation::OrderSigner orders_of(const Clock& clock = system_now) {
    auto authority = authority::Authority::open(Folder::open(desk_.state() + "/authority"), clock);
    PrivateKey key = PrivateKey::generate(KeyType::ecdsa_p256);
    const Certificate leaf =
        authority.issue({.purpose = authority::LeafPurpose::orders,
                         .names = {appliance_name},
                         .member_uri = federation::orders_uri(authority.federation(), "single", appliance_name),
                         .public_key_der = key.public_key_der(),
                         .validity = std::chrono::hours(1)});
    return {.chain = {leaf, authority.issuing()}, .key = std::move(key)};
  }

  Order order(std::uint64_t number, const std::string& verb, json arguments,
              std::vector<SecretBytes> attachments = {}) const {
    return {.federation = federation(),
            .target = appliance_name,
            .id = Bytes(federation::order_id_size, static_cast<std::uint8_t>(number)),
            .number = number,
            .issued = system_now(),
            .expires = system_now() + std::chrono::minutes(10),
            .text = json{{"verb", verb}, {"arguments", std::move(arguments)}}.dump(),
            .attachments = std::move(attachments)};
  }
  Order replacing(std::uint64_t number, const std::string& leaf, bool is_dry = false) const {
    const Pki& pki = Pki::instance();
    json arguments{{"files",
                    {{"certificate", {{{"name", "leaf"}, {"attachment", 0}}}},
                     {"key", {{{"name", "key"}, {"attachment", 1}}}},
                     {"intermediate", {{{"name", "chain"}, {"attachment", 2}}}},
                     {"also_trust", {{{"name", "root"}, {"attachment", 3}}}}}}};
    if (is_dry) arguments["dry_run"] = true;
    std::vector<SecretBytes> files;
    for (const std::string& name :
         {leaf + ".pem", leaf + ".key", std::string("intermediate.pem"), std::string("root.pem")}) {
      files.push_back(secret_copy(read_text(pki.path(name))));
    }
    return order(number, "cert-replace", arguments, std::move(files));
  }
  Order undoing(std::uint64_t number, const Order& former) const {
    return order(number, "order-undo", {{"order", to_hex(former.id)}});
  }

  control::Message given(const Bytes& sealed, const Clock& clock = system_now) const {
    CertificateManager manager(desk_.state(), clock);
    return manager.handle({.json = R"({"verb":"member-order","arguments":{"order":{"attachment":0}}})",
                           .attachments = {secret_copy(sealed)}},
                          "engine");
  }
  Bytes sealed(const Order& order) const { return sealed(order, signer_); }
  Bytes sealed(const Order& order, const federation::OrderSigner& signer) const {
    return federation::seal(view_of(write_order(order)), signer, member());
  }
  // The answer, checked as the primary checks it.
  json answer(const Order& order) const {
    const control::Message reply = given(sealed(order));
    const auto opened = federation::open_sealed(
        view_of(reply.attachments.at(0)), {.certificate = signer_.chain.front(), .key = signer_.key},
        {.roots = read_material(view_of(read_text(desk_.current("trust/federation/roots.pem"))), {.source = "roots"})
                      .certificates},
        system_now());
    EXPECT_EQ(opened.signer, member());
    const auto read = federation::read_order_reply(view_of(opened.content));
    EXPECT_NO_THROW(expect_answer_to(read, order));
    return json::parse(read.text);
  }
  std::string refusal(const Bytes& message, const Clock& clock = system_now) const {
    try {
      static_cast<void>(given(message, clock));
    } catch (const Failure& failure) {
      EXPECT_FALSE(failure.hint().empty());
      return failure.code();
    }
    return "";
  }

  const Desk desk_{Role::single};
  federation::OrderSigner signer_;
};

TEST_F(MemberOrders, AnOrderIsCarriedOutOnceHoweverOftenItComes) {
  const Order first = replacing(10, "first");
  const json done = answer(first);
  ASSERT_EQ(done["result"]["outcome"], "done") << done.dump(2);
  const std::string standing = desk_.in_force();
  EXPECT_EQ(answer(first), done);
  EXPECT_EQ(desk_.in_force(), standing);
  // Also after others, and signed anew by somebody with a new certificate.
  ASSERT_EQ(answer(replacing(20, "second"))["result"]["outcome"], "done");
  const std::string after = desk_.in_force();
  signer_ = orders_of();
  EXPECT_EQ(answer(first), done);
  EXPECT_EQ(desk_.in_force(), after);
  // Who did it stands in the set.
  EXPECT_NE(desk_.ask("backup-list").dump().find(std::string(appliance_name) + " (order "), std::string::npos);
}

// By the list of revocations that is in force here, whatever the signer's chain says.
TEST_F(MemberOrders, ASignerThatWasTakenBackGivesNoOrders) {
  const Bytes given_before = sealed(replacing(10, "first"));
  const Bytes fingerprint = from_hex(signer_.chain.front().fingerprint());
  const Place place;
  const std::string csr = place / "other.csr";
  write_text(csr, CertificateRequest::make(PrivateKey::generate(KeyType::ecdsa_p256), {}).to_pem());
  const json other =
      desk_.ask("authority-sign", {{"purpose", "client"}, {"sans", {"x.example.test"}}}, {{"file", csr}});
  {
    auto authority = authority::Authority::open(Folder::open(desk_.state() + "/authority"), system_now);
    ASSERT_EQ(authority.store().run("UPDATE certificates SET revoked = ? WHERE sha256 = ?",
                                    {system_now().time_since_epoch().count(), fingerprint}),
              1);
  }
  // The list comes into force with the next revocation.
  ASSERT_EQ(desk_.ask("authority-revoke", {{"sha256", other["certificate"]["sha256"]}})["outcome"], "done");
  const std::string standing = desk_.in_force();
  EXPECT_EQ(refusal(given_before), "order-refused");
  EXPECT_EQ(refusal(sealed(replacing(11, "first", true))), "order-refused") << "not even questions";
  EXPECT_EQ(desk_.in_force(), standing);
  signer_ = orders_of();
  EXPECT_EQ(answer(replacing(10, "first"))["result"]["outcome"], "done");
}

TEST_F(MemberOrders, WhatIsOlderOrOtherThanWhatWasCarriedOutIsRefused) {
  ASSERT_EQ(answer(replacing(10, "first"))["result"]["outcome"], "done");
  const std::string standing = desk_.in_force();
  EXPECT_EQ(refusal(sealed(replacing(9, "second"))), "order-replayed") << "a smaller number";
  Order same = replacing(10, "second");
  EXPECT_EQ(refusal(sealed(same)), "order-replayed") << "the same number and id, other files";
  same.id = Bytes(federation::order_id_size, 77);
  EXPECT_EQ(refusal(sealed(same)), "order-replayed") << "the same number, another id";
  EXPECT_EQ(desk_.in_force(), standing);
  EXPECT_EQ(answer(replacing(11, "second"))["result"]["outcome"], "done");
}

TEST_F(MemberOrders, WhoMayNotOrderIsRefusedAndNothingMoves) {
  const std::string standing = desk_.in_force();
  const auto material =
      read_material(view_of(read_text(desk_.current("identities/member/fullchain.pem"))), {.source = "m"});
  const federation::OrderSigner own{
      .chain = material.certificates,
      .key = PrivateKey::from_pem(view_of(read_text(desk_.current("identities/member/key.pem"))))};
  EXPECT_EQ(refusal(sealed(replacing(10, "first"), own)), "order-refused") << "a program's key may only ask";
  EXPECT_EQ(refusal(sealed(undoing(11, replacing(10, "first")), own)), "order-refused");
  EXPECT_EQ(refusal(sealed(replacing(0, "first", true), own)), "");
  for (const char* verb :
       {"trust-append", "generation-purge", "backup-export", "member-order", "rollout-begin", "status"}) {
    EXPECT_EQ(refusal(sealed(order(12, verb, json::object()))), "order-refused") << verb;
  }
  Order elsewhere = replacing(13, "first");
  elsewhere.target = "other.example.test";
  EXPECT_EQ(refusal(sealed(elsewhere)), "order-misdirected");
  elsewhere = replacing(13, "first");
  elsewhere.federation = "0000000000000000";
  EXPECT_EQ(refusal(sealed(elsewhere)), "order-misdirected");
  const Bytes good = sealed(replacing(14, "first"));
  EXPECT_EQ(refusal(good, [] { return system_now() + std::chrono::minutes(11); }), "order-expired");
  EXPECT_EQ(refusal(good, [] { return system_now() - std::chrono::hours(2); }), "order-refused") << "not yet valid";
  EXPECT_EQ(refusal(good, [] { return system_now() + std::chrono::hours(2); }), "order-refused")
      << "its signer has ended";
  Bytes altered = good;
  altered[altered.size() - 20] ^= 1;
  EXPECT_EQ(refusal(altered), "order-unreadable");
  EXPECT_EQ(refusal(Bytes(1000, 0x30)), "order-malformed");
  EXPECT_EQ(desk_.in_force(), standing);
  EXPECT_FALSE(Folder::open(desk_.state()).status("secrets/orders")) << "nothing was entered";
  EXPECT_EQ(refusal(good), "");
}

TEST_F(MemberOrders, ARefusalByPreflightIsAnAnswer) {
  const std::string standing = desk_.in_force();
  Order broken = replacing(10, "first");
  broken.attachments[1] = secret_copy(read_text(Pki::instance().path("second.key")));
  const json refused = answer(broken);
  EXPECT_EQ(refused["result"]["outcome"], "refused");
  EXPECT_NE(refused.dump().find("key-mismatch"), std::string::npos);
  EXPECT_EQ(desk_.in_force(), standing);
  EXPECT_EQ(answer(broken), refused);
}

TEST_F(MemberOrders, AnOrderIsTakenBackByItsId) {
  const std::string console = read_text(desk_.current("identities/console/certificate.pem"));
  const std::string known = desk_.served_leaf("engine");
  const Order first = replacing(10, "first");
  ASSERT_EQ(answer(first)["result"]["outcome"], "done");
  ASSERT_NE(desk_.served_leaf("engine"), known);
  ASSERT_EQ(answer(undoing(11, first))["result"]["outcome"], "done");
  EXPECT_EQ(desk_.served_leaf("engine"), known);
  EXPECT_EQ(read_text(desk_.current("identities/console/certificate.pem")), console);
  // Once more, by another order: there is nothing left to take back.
  const std::string standing = desk_.in_force();
  EXPECT_EQ(answer(undoing(12, first))["result"]["outcome"], "unchanged");
  EXPECT_EQ(desk_.in_force(), standing);
  // An order that was overtaken by its undoing is not carried out afterwards.
  const Order late = replacing(20, "second");
  EXPECT_EQ(answer(undoing(21, late))["result"]["outcome"], "unchanged");
  EXPECT_EQ(refusal(sealed(late)), "order-replayed");
  EXPECT_EQ(desk_.in_force(), standing);
}

TEST_F(MemberOrders, WhatSomebodyHasChangedSinceIsLeftAlone) {
  const Order first = replacing(10, "first");
  ASSERT_EQ(answer(first)["result"]["outcome"], "done");
  ASSERT_EQ(desk_.replace("second")["outcome"], "done");
  const std::string standing = desk_.in_force();
  const json refused = answer(undoing(11, first));
  ASSERT_TRUE(refused.contains("error")) << refused.dump(2);
  EXPECT_EQ(refused["error"]["code"], "changed-since");
  EXPECT_TRUE(refused["error"].value("needs_person", false));
  EXPECT_EQ(desk_.in_force(), standing);
}

// As after a crash: the order was entered and carried out, and its answer never written.
TEST_F(MemberOrders, AnOrderThatACrashCutShortGoesOnAndIsStillKnown) {
  const Order first = replacing(10, "first");
  ASSERT_EQ(answer(first)["result"]["outcome"], "done");
  Folder orders = Folder::open(desk_.state() + "/secrets/orders");
  for (const std::string& name : orders.list()) {
    if (name.starts_with('.')) continue;
    json record = json::parse(read_text(desk_.state() + "/secrets/orders/" + name));
    record.erase("answer");
    orders.write_atomically(name, view_of(record.dump()), {.mode = 0600, .owner = {}, .group = {}});
  }
  const std::string standing = desk_.in_force();
  EXPECT_EQ(answer(first)["result"]["outcome"], "unchanged") << "it is in force already";
  EXPECT_EQ(desk_.in_force(), standing);
  ASSERT_EQ(answer(undoing(11, first))["result"]["outcome"], "done") << "and is still known by its id";
}

}  // namespace
}  // namespace chancery::manager::testing
