// What an engine keeps of a device comes out as it went in, and what many say alike is kept once.
#include "engine/kept_device.h"

#include <gtest/gtest.h>

#include <vector>

namespace chancery::engine {
namespace {

const std::string id_text = std::string(62, 'a') + "0f";

wire::Facts said_by(const std::string& host) {
  return {.host = host,
          .system = "Debian GNU/Linux 12",
          .addresses = {"192.0.2.1", "", std::string("2001:db8::1\0x", 13)},
          .version = "1.0",
          .trust_mode = "pinned",
          .trust_roots = {std::string(64, '1')},
          .presented = std::string(64, '2')};
}

TEST(KeptDevice, ComesOutAsItWentIn) {
  DeviceShelf shelf;
  KeptDevice kept;
  const DeviceId id = device_id(id_text);
  EXPECT_EQ(32U, id.bytes.size());
  EXPECT_EQ(id_text, to_text(id));
  EXPECT_EQ(wire::Facts{}, kept.unpack(id).facts);
  EXPECT_FALSE(kept.unpack(id).anchoring.is_known);
  EXPECT_FALSE(kept.says({}));  // nothing was said yet

  const wire::Facts facts = said_by("a.example.com");
  kept.take(facts, shelf);
  Anchoring anchoring{.is_known = true, .needs = true, .held = {std::string(64, '3')}, .proven = {}};
  kept.take(anchoring, shelf);
  kept.sessions = 2;
  EXPECT_TRUE(kept.says(facts));
  const Device device = kept.unpack(id);
  EXPECT_EQ(facts, device.facts);
  EXPECT_EQ(anchoring.held, device.anchoring.held);
  EXPECT_TRUE(device.anchoring.needs);
  EXPECT_TRUE(device.connected);

  wire::Facts other = facts;
  other.addresses.pop_back();
  EXPECT_FALSE(kept.says(other));
  other = facts;
  other.presented[0] = '4';
  EXPECT_FALSE(kept.says(other));
  EXPECT_EQ(facts, kept.facts());  // asking changes nothing
}

TEST(KeptDevice, WhatManySayIsKeptOnceAndForgottenWithTheLast) {
  DeviceShelf shelf;
  std::vector<KeptDevice> many(1000);
  for (std::size_t i = 0; i < many.size(); ++i) many[i].take(said_by("host-" + std::to_string(i)), shelf);
  EXPECT_EQ(1U, shelf.size());
  for (std::size_t i = 0; i < many.size(); ++i) EXPECT_EQ("host-" + std::to_string(i), many[i].facts().host);
  // One that says something else each time leaves nothing behind.
  wire::Facts restless = said_by("restless");
  for (int i = 0; i < 10'000; ++i) {
    restless.presented = std::to_string(i);
    many[0].take(restless, shelf);
  }
  EXPECT_LT(shelf.size(), 500U);
  EXPECT_EQ(restless, many[0].facts());
  EXPECT_EQ(said_by("host-999"), many[999].facts());
}

TEST(DeviceId, TakesHalfTheRoomAndKeepsTheOrderOfItsText) {
  for (const char* odd : {"", "abc", "../../../etc/passwd"}) EXPECT_EQ(odd, to_text(device_id(odd)));
  for (const std::string& odd : {std::string(64, 'g'), std::string(64, 'A'), std::string(65, 'a')}) {
    EXPECT_EQ(odd, to_text(device_id(odd)));
  }
  EXPECT_LT(device_id(std::string(64, '9')), device_id(std::string(64, 'a')));
  EXPECT_LT(device_id(""), device_id(std::string(64, '0')));
}

}  // namespace
}  // namespace chancery::engine
