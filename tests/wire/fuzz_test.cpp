#include <gtest/gtest.h>

#include "appliance/wire/collector_messages.h"
#include "appliance/wire/discovery_packet.h"
#include "appliance/wire/frames.h"
#include "tests/fuzz/bombard.h"
#include "tests/keystore/workshop.h"
#include "tests/wire/fuzz_targets.h"

namespace chancery::wire {
namespace {

std::vector<std::string> messages() {
  const std::vector<Message> all{
      Hello{.id = std::string(64, 'a'), .version = "1.2.3", .public_key = Bytes(44, 1), .signature = Bytes(64, 2)},
      Admission{},
      Admission{.proof = Bytes(32, 3)},
      Welcome{.server = "engine.example.com", .proof = Bytes(32, 4), .interval_seconds = 5},
      Assignment{.server = "p", .proof = Bytes(32, 5), .host = "::1", .port = 443, .name = "engine.example.com"},
      Facts{.host = "h\"\n\u00fc",
            .system = "Debian",
            .addresses = {"192.0.2.1", "2001:db8::1"},
            .version = "1",
            .trust_mode = "pinned",
            .trust_roots = {std::string(64, 'b')},
            .presented = std::string(64, 'c')},
      Facts{.host = "h",
            .system = "Debian",
            .addresses = {},
            .version = "2",
            .trust_mode = "none",
            .trust_roots = {},
            .presented = "",
            .others = 3,
            .offer = "TLS_AES_128_GCM_SHA256 X25519"},
      Refused{.code = "id-invalid", .message = "no"},
      Anchors{.roots = {Bytes(40, 6), Bytes(1, 7)}, .crosses = {Bytes(30, 8)}, .retired = {std::string(64, 'd')}},
      Holds{.needs = true, .held = {std::string(64, 'b')}, .proven = {}, .lists = {std::string(64, 'e')}},
      Prove{.roots = {std::string(64, 'b')}, .within_seconds = 75},
      Proof{.root = std::string(64, 'b')},
      Revocations{.issuers = {Bytes(40, 6)}, .lists = {Bytes(300, 9)}},
      Move{.host = "b.test", .port = 443, .name = "b.test", .anchors = {Bytes(40, 6)}, .within_seconds = 3},
      Move{.host = "", .port = 0, .name = "", .anchors = {Bytes(40, 6)}, .within_seconds = 3},
      Moved{.state = moved_failed, .reason = "untrusted-root"},
      Rehearsal{.id = "0123456789abcdef",
                .about = "portal",
                .chain = {Bytes(300, 6)},
                .without = {std::string(64, 'f')},
                .minimum_protocol = "TLSv1.3",
                .client_certificate = true,
                .live = true,
                .within_seconds = 6},
      Verdict{.id = "0123456789abcdef", .reason = "untrusted-root", .name = "engine.test", .detail = "why"}};
  std::vector<std::string> out;
  for (const Message& each : all) out.push_back(to_json(each));
  return out;
}

TEST(WireFuzz, Messages) {
  std::vector<Bytes> seeds;
  for (const std::string& each : messages()) seeds.push_back(bytes_of(each));
  fuzz::bombard("collector_message", fuzz::collector_message, seeds);
}

// What a collector says of roots goes on to the portal with what others say: nonsense ends at the channel.
TEST(WireMessages, RootsAreNamedByDigestsAlone) {
  const std::string good(64, 'a');
  for (const std::string& bad : {std::string("x"), std::string(64, 'g'), std::string(65, 'a'), std::string(64, 'A')}) {
    for (const Message& each : std::vector<Message>{
             Holds{.needs = true, .held = {good, bad}, .proven = {}, .lists = {}},
             Holds{.needs = true, .held = {}, .proven = {bad}, .lists = {}}, Prove{.roots = {bad}, .within_seconds = 0},
             Proof{.root = bad}, Anchors{.roots = {}, .crosses = {}, .retired = {bad}}}) {
      EXPECT_EQ(code_of([&] { static_cast<void>(parse_message(to_json(each))); }), "message-invalid") << bad;
    }
  }
  const std::vector<std::string> nine(9, good);
  EXPECT_EQ(code_of([&] {
              static_cast<void>(parse_message(to_json(Holds{.needs = true, .held = nine, .proven = {}, .lists = {}})));
            }),
            "message-invalid");
}

// The reason is counted and shown: nothing but a code.
TEST(WireMessages, AVerdictGivesACode) {
  for (const std::string& bad :
       {std::string("Untrusted"), std::string("a b"), std::string("<b>"), std::string(65, 'a')}) {
    EXPECT_EQ(code_of([&] {
                static_cast<void>(parse_message(to_json(Verdict{.id = "1", .reason = bad, .name = "", .detail = ""})));
              }),
              "message-invalid")
        << bad;
  }
  EXPECT_EQ(
      std::get<Verdict>(parse_message(to_json(Verdict{.id = "1", .reason = "", .name = "", .detail = ""}))).reason,
      would_trust);
}

TEST(WireFuzz, Discovery) {
  std::vector<Bytes> seeds;
  for (const DiscoveryPacket& each : {DiscoveryPacket{.is_question = true, .nonce = fresh_discovery_nonce(), .port = 0},
                                      DiscoveryPacket{.is_question = false, .nonce = "0123456789abcdef", .port = 443},
                                      DiscoveryPacket{.is_question = false, .nonce = "", .port = 8443}}) {
    const std::string text = write_discovery(each);
    const auto read = read_discovery(text);
    ASSERT_TRUE(read.has_value()) << text;
    EXPECT_EQ(read->nonce, each.nonce);
    EXPECT_EQ(read->port, each.port);
    seeds.push_back(bytes_of(text));
  }
  fuzz::bombard("discovery_datagram", fuzz::discovery_datagram, seeds);
}

TEST(WireFuzz, Frames) {
  Bytes stream;
  std::vector<Bytes> seeds{{0, 0, 0, 1, 'x'}, {0, 4, 0, 1, 'x'}, {0, 0, 0, 0}};
  for (const std::string& each : messages()) {
    const Bytes frame = encode_frame(each);
    stream.insert(stream.end(), frame.begin(), frame.end());
    seeds.push_back(stream);
  }
  fuzz::bombard("collector_frames", fuzz::collector_frames, seeds);
}

}  // namespace
}  // namespace chancery::wire
