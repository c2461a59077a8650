// Which certificate of a pile is the leaf, and which key is its key.
#pragma once

#include <optional>

#include "appliance/preflight/pile.h"

namespace chancery::preflight {

struct LeafChoice {
  std::optional<Member> leaf;     // absent: there is no certificate at all
  std::optional<PrivateKey> key;  // only one that belongs to the leaf
};

// The certificate whose key was given; else the one that is not a CA and issued no other; else the first. Adds
// key-mismatch, key-missing (where `needs_key`), unused-key and certificate-missing.
[[nodiscard]] LeafChoice choose_leaf(const Pile& pile, bool needs_key, Report& report);

}  // namespace chancery::preflight
