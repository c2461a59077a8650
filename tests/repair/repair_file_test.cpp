// T5, threat 44: which repair files an endpoint believes, and the key that makes them.
#include "appliance/repair/repair_file.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "appliance/repair/repair_keys.h"
#include "keystore/bytes/text_encoding.h"
#include "tests/fuzz/bombard.h"
#include "tests/keystore/workshop.h"
#include "tests/repair/fuzz_targets.h"
#include "tests/repair/signed_order.h"

namespace chancery::repair {
namespace {

using test::SignedOrder;

const Instant now = from_rfc3339("2026-11-21T12:00:00Z");
const ShippedKey shipped{SignedOrder::federation, SignedOrder::first().public_key_der()};

RepairOrder opened(const std::string& text, const RepairFile::Standing& standing, const ShippedKey& key = shipped) {
  return RepairFile::read(view_of(text)).open(key, standing);
}

std::string refusal(const std::string& text, RepairFile::Standing standing = {}, const ShippedKey& key = shipped) {
  if (standing.now == Instant{}) standing.now = now;
  return code_of([&] { static_cast<void>(opened(text, standing, key)); });
}

TEST(RepairFile, WhatWasSignedIsRead) {
  const RepairOrder order =
      opened(write_repair_file(SignedOrder::order(), SignedOrder::signer()), {.id = "", .now = now});
  EXPECT_EQ(order.host, "b.test");
  EXPECT_EQ(order.port, 443);
  EXPECT_EQ(order.number, SignedOrder::number);
  ASSERT_EQ(order.anchors.size(), 1U);
  EXPECT_EQ(order.anchors[0].subject(), "CN=Anchor");
}

TEST(RepairFile, WhoeverElseSignsAndWhateverElseItSaysIsRefused) {
  const std::string good = write_repair_file(SignedOrder::order(), SignedOrder::signer());
  EXPECT_EQ(refusal(write_repair_file(SignedOrder::order(), {.succession = {}, .key = SignedOrder::stranger()})),
            "repair-signer");
  EXPECT_EQ(refusal(good, {.number = 7}), "repair-old");
  EXPECT_EQ(refusal(good, {.number = 8}), "repair-old");
  EXPECT_EQ(refusal(good, {.number = 6}), "");
  EXPECT_EQ(refusal(good, {.now = from_rfc3339("2100-01-01T00:00:00Z")}), "repair-expired");
  EXPECT_EQ(refusal(good, {}, {"another", shipped.key}), "repair-foreign");
  RepairOrder others = SignedOrder::order();
  others.targets = {std::string(64, 'a')};
  const std::string targeted = write_repair_file(others, SignedOrder::signer());
  EXPECT_EQ(refusal(targeted, {.id = std::string(64, 'b')}), "repair-target");
  EXPECT_EQ(refusal(targeted, {.id = std::string(64, 'a')}), "");
  RepairOrder nobody = SignedOrder::order();
  nobody.anchors.clear();
  EXPECT_EQ(refusal(write_repair_file(nobody, SignedOrder::signer())), "repair-invalid");
  nlohmann::json edited = nlohmann::json::parse(good);
  edited["order"] = to_base64(view_of(std::string("{}")));
  EXPECT_EQ(refusal(edited.dump()), "repair-signer") << "nothing of it is looked at before its signature is";
}

TEST(RepairFile, ASuccessorOfTheKeyIsBelievedAndThenNotTheOneBefore) {
  const std::string by_first = write_repair_file(SignedOrder::order(), SignedOrder::signer());
  const std::string by_second = write_repair_file(SignedOrder::order(), SignedOrder::successor());
  EXPECT_EQ(refusal(by_second), "");
  const RepairFile::Standing seen{.id = "", .number = 1, .key = SignedOrder::second().public_key_der(), .now = now};
  EXPECT_EQ(refusal(by_second, seen), "");
  EXPECT_EQ(refusal(by_first, seen), "repair-signer");
  // Shipped with the later key, and with the succession in between left out or made up.
  EXPECT_EQ(refusal(by_second, {}, {SignedOrder::federation, SignedOrder::second().public_key_der()}), "");
  EXPECT_EQ(refusal(by_first, {}, {SignedOrder::federation, SignedOrder::second().public_key_der()}), "repair-signer");
  EXPECT_EQ(refusal(write_repair_file(SignedOrder::order(), {.succession = {}, .key = SignedOrder::second()})),
            "repair-signer");
  const Signer usurper{
      .succession = {succeed(SignedOrder::stranger(), SignedOrder::federation, SignedOrder::second().public_key_der())},
      .key = SignedOrder::second()};
  EXPECT_EQ(refusal(write_repair_file(SignedOrder::order(), usurper)), "repair-signer");
  const Signer elsewhere{
      .succession = {succeed(SignedOrder::first(), "another", SignedOrder::second().public_key_der())},
      .key = SignedOrder::second()};
  EXPECT_EQ(refusal(write_repair_file(SignedOrder::order(), elsewhere)), "repair-signer");
}

TEST(RepairKeys, NumbersOnlyGrowAndARotationCutAnywhereLeavesOneKey) {
  Workshop shop;
  const Folder state = Folder::open(shop.path());
  state.make_folder("secrets", {.mode = 0700});
  const PrivateKey first = PrivateKey::generate(KeyType::ed25519);
  state.write_atomically("secrets/repair.key", view_of(first.to_pem()), {.mode = 0600});
  RepairKeys keys(state);
  const std::uint64_t number = keys.next_number(now);
  EXPECT_EQ(number, static_cast<std::uint64_t>(now.time_since_epoch().count()));
  EXPECT_EQ(RepairKeys(state).next_number(now), number + 1);
  EXPECT_EQ(keys.next_number(from_rfc3339("2020-01-01T00:00:00Z")), number + 2) << "a clock that was set back";
  keys.rotate(SignedOrder::federation);
  EXPECT_EQ(keys.first_key(), first.public_key_der());
  const Bytes second = RepairKeys(state).present_key();
  EXPECT_NE(second, first.public_key_der());
  // Cut between the succession and the last rename.
  state.write_atomically("secrets/repair-next.key", state.read("secrets/repair.key", 4096), {.mode = 0600});
  state.write_atomically("secrets/repair.key", view_of(first.to_pem()), {.mode = 0600});
  EXPECT_EQ(RepairKeys(state).present_key(), second);
  RepairKeys cut(state);
  cut.rotate(SignedOrder::federation);
  EXPECT_FALSE(state.status("secrets/repair-next.key").has_value());
  EXPECT_EQ(RepairKeys(state).signer().succession.size(), 2U);
  // Cut before the succession knew it: the key that was made then is nothing.
  const Bytes present = RepairKeys(state).present_key();
  state.write_atomically("secrets/repair-next.key", view_of(first.to_pem()), {.mode = 0600});
  EXPECT_EQ(RepairKeys(state).present_key(), present);
}

TEST(RepairFuzz, Files) {
  std::vector<Bytes> seeds;
  for (const Signer& signer : {SignedOrder::signer(), SignedOrder::successor()}) {
    seeds.push_back(bytes_of(write_repair_file(SignedOrder::order(), signer)));
  }
  fuzz::bombard("repair_file", fuzz::repair_file, seeds);
}

TEST(RepairFuzz, Keys) { fuzz::bombard("repair_key", fuzz::repair_key, {bytes_of(write_shipped_key(shipped))}); }

}  // namespace
}  // namespace chancery::repair
