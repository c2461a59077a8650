// A short run of the fuzz targets without libFuzzer: good messages, cut, flipped, spliced and repeated at random.
#include <gtest/gtest.h>

#include <random>

#include "appliance/federation/join_wire.h"
#include "appliance/federation/token.h"
#include "tests/federation/fuzz/targets.h"

namespace chancery::federation {
namespace {

constexpr auto budget = std::chrono::milliseconds(700);

class Mutator {
 public:
  Bytes mutated(Bytes bytes) {
    const int changes = 1 + below(4);
    for (int change = 0; change < changes && !bytes.empty(); ++change) {
      const auto at = bytes.begin() + below(static_cast<int>(bytes.size()));
      switch (below(5)) {
        case 0:
          *at = static_cast<std::uint8_t>(below(256));
          break;
        case 1:
          bytes.erase(at, bytes.end());
          break;
        case 2:
          bytes.insert(at, static_cast<std::uint8_t>("{}[]\",:0e-\\"[below(11)]));
          break;
        case 3: {
          const Bytes copy = bytes;
          bytes.insert(at, copy.begin(), copy.begin() + below(static_cast<int>(copy.size())));
          break;
        }
        default:
          bytes.erase(at);
      }
    }
    return bytes;
  }

 private:
  int below(int limit) { return std::uniform_int_distribution<int>(0, limit - 1)(random_); }
  std::mt19937 random_{20261121};
};

void bombard(void (*target)(ByteView), const std::vector<std::string>& seeds) {
  Mutator mutator;
  const auto end = std::chrono::steady_clock::now() + budget;
  for (const std::string& seed : seeds) target(view_of(seed));
  for (std::size_t round = 0; std::chrono::steady_clock::now() < end; ++round) {
    target(mutator.mutated(bytes_of(seeds[round % seeds.size()])));
  }
}

TEST(JoinFuzz, Requests) {
  const PrivateKey key = PrivateKey::generate(KeyType::ecdsa_p256);
  JoinStatement statement{.token_id = Bytes(16, 1),
                          .requests = {{"member", CertificateRequest::make(key, {parse_name("a.example.com")})}},
                          .role = "secondary",
                          .names = {"a.example.com"},
                          .nonce = Bytes(32, 2),
                          .time = 1'800'000'000};
  bombard(fuzz::join_request, {write_statement({statement, Bytes(64, 3)}), "{}", "[[[[", R"({"names":["\ud800"]})"});
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
  bombard(fuzz::join_reply,
          {write_reply_text(text), write_signed_reply({write_reply_text(text), Bytes(70, 3)}),
           write_refusal({"join-refused", "message", "hint", 0}), "{\"error\":{\"server_time\":-1e400}}"});
}

TEST(JoinFuzz, Tokens) {
  bombard(fuzz::join_token, {std::string(text_of(view_of(
                                write_token({.id = Bytes(16, 1), .seed = SecretBytes(32, 2), .authority_pin = {}}))))});
}

}  // namespace
}  // namespace chancery::federation
