// The Customer Keys of a federation: the one in force and, after `customer-key rotate`, those before it.
//
//   const CustomerKeys keys = customer_keys_of(generation);
//   if (keys.admits(proof_of_somebody, transcript, now)) …
//
// A former key admits collectors for the overlap that it was given; afterwards it admits nobody. It is kept for longer,
// at most `most_former` of them: a collector that was switched off for a year is known by its own key and holds the former
// Customer Key, and would refuse a server that cannot prove that one. Knowing a former key proves nothing to us.
//
//   customer-key/customer.keys = "chancery customer keys 1\n", u64 number, u64 since, u8 count,
//                                count times: sized16 key, u64 admits-until   (big endian, Unix seconds; newest first;
//                                the first is in force and its time 0)
//
// Before the first rotation there is customer-key/customer.key alone, number 0. Failure("customer-key-damaged"). A value.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "backup/generations/generation.h"
#include "keystore/bytes/secret.h"
#include "keystore/x509/instant.h"

namespace chancery {

struct FormerCustomerKey {
  SecretBytes key;
  Instant admits_until{};
  friend bool operator==(const FormerCustomerKey&, const FormerCustomerKey&) = default;
};

struct CustomerKeys {
  static constexpr const char* path = "customer-key/customer.keys";
  static constexpr const char* current_path = "customer-key/customer.key";
  static constexpr std::size_t most_former = 4;

  std::uint64_t number = 0;               // grows with every change of any of this
  Instant since{};                        // when the current one came into force
  SecretBytes current;                    // empty before joining
  std::vector<FormerCustomerKey> former;  // newest first

  [[nodiscard]] static CustomerKeys parse(ByteView bytes);
  [[nodiscard]] SecretBytes to_bytes() const;
  // The key of this id (id_of); nullptr where none has it.
  const SecretBytes* find(const std::string& id) const;
  // A key that admits now, and made this HMAC over `transcript`; all are tried, whichever it is.
  bool admits(ByteView proof, ByteView transcript, Instant now) const;
  // After `key` came into force; the former one admits until then.
  [[nodiscard]] CustomerKeys rotated(SecretBytes key, Instant now, Instant admits_until) const;
  [[nodiscard]] CustomerKeys without_overlap(Instant now) const;
  friend bool operator==(const CustomerKeys&, const CustomerKeys&) = default;
};

// 16 hex digits that name a key and tell nothing of it.
[[nodiscard]] std::string id_of(const SecretBytes& customer_key);

// What a generation has; `current` is empty where it has none.
[[nodiscard]] CustomerKeys customer_keys_of(const backup::Generation& generation);

}  // namespace chancery
