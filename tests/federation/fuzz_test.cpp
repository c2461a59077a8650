#include <gtest/gtest.h>

#include "appliance/authority/authority.h"
#include "appliance/federation/join_wire.h"
#include "appliance/federation/key_wire.h"
#include "appliance/federation/order.h"
#include "appliance/federation/order_seal.h"
#include "appliance/federation/token.h"
#include "appliance/membership/customer_keys.h"
#include "tests/federation/fuzz/targets.h"
#include "tests/fuzz/bombard.h"

namespace chancery::federation {
namespace {

void bombard(const std::string& name, void (*target)(ByteView), const std::vector<std::string>& seeds) {
  std::vector<Bytes> bytes;
  for (const std::string& seed : seeds) bytes.push_back(bytes_of(seed));
  fuzz::bombard(name, target, std::move(bytes));
}

TEST(JoinFuzz, Requests) {
  const PrivateKey key = PrivateKey::generate(KeyType::ecdsa_p256);
  JoinStatement statement{.token_id = Bytes(16, 1),
                          .requests = {{"member", CertificateRequest::make(key, {parse_name("a.example.com")})}},
                          .role = "secondary",
                          .names = {"a.example.com"},
                          .nonce = Bytes(32, 2),
                          .time = 1'800'000'000};
  bombard(
      "join_request", fuzz::join_request,
      {write_statement({statement, Bytes(64, 3)}),
       write_key_request({{.certificate = Bytes(32, 4), .nonce = Bytes(32, 5), .time = 1'800'000'000}, Bytes(64, 6)}),
       "{}", "[[[[", R"({"names":["\ud800"]})"});
}

TEST(JoinFuzz, Replies) {
  const ReplyText text{.nonce = Bytes(32, 1),
                       .federation = "f1",
                       .root_pem = "root",
                       .chains_pem = {{"member", {"leaf", "issuing"}}},
                       .masked_customer_key = Bytes(32, 2),
                       .portal_host = "127.0.0.1",
                       .portal_port = 443,
                       .portal_name = "primary.example.com",
                       .time = 1'800'000'000};
  bombard("join_reply", fuzz::join_reply,
          {write_reply_text(text), write_signed_reply({write_reply_text(text), Bytes(70, 3)}),
           write_key_reply({.masked = Bytes(80, 4), .signature = Bytes(70, 5)}),
           std::string(text_of(view_of(CustomerKeys{
               .number = 1, .since = {}, .current = SecretBytes(32, 6), .former = {{SecretBytes(32, 7), {}}}}
                                           .to_bytes()))),
           write_refusal({"join-refused", "message", "hint", 0}), "{\"error\":{\"server_time\":-1e400}}"});
}

TEST(JoinFuzz, Tokens) {
  bombard("join_token", fuzz::join_token,
          {std::string(
              text_of(view_of(write_token({.id = Bytes(16, 1), .seed = SecretBytes(32, 2), .authority_pin = {}}))))});
}

TEST(OrderFuzz, Messages) {
  const PrivateKey key = PrivateKey::generate(KeyType::ecdsa_p256);
  const Certificate own = authority::self_signed(key, {"engine.test"}, Instant(std::chrono::seconds(1'800'000'000)));
  const SecretBytes order = write_order({.federation = "f1",
                                         .target = "engine.test",
                                         .id = Bytes(order_id_size, 1),
                                         .number = 7,
                                         .issued = Instant(std::chrono::seconds(1'800'000'000)),
                                         .expires = Instant(std::chrono::seconds(1'800'000'600)),
                                         .text = "{}",
                                         .attachments = {SecretBytes(3, 1), SecretBytes(100, 2)}});
  const SecretBytes reply =
      write_order_reply({.federation = "f1", .member = "m", .id = Bytes(order_id_size, 1), .digest = {}, .text = "{}"});
  const Bytes sealed = seal(view_of(order), {.chain = {own}, .key = key}, own);
  const auto text = [](ByteView bytes) { return std::string(text_of(bytes)); };
  bombard("order_message", fuzz::order_message, {text(view_of(order)), text(view_of(reply)), text(sealed)});
}

}  // namespace
}  // namespace chancery::federation
