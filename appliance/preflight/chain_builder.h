// Chains from a leaf upwards, as clients build them: by name and signature, over everything at hand, loops and
// cross-signed CAs included. Says which chains there are; which of them is good is for chain_rules to say.
//
// Cost is bounded whatever the certificates say: depth, chains and signature checks are capped, and of the many
// certificates that the appliance knows only those with the right name are decoded.
#pragma once

#include <vector>

#include "appliance/preflight/pile.h"

namespace chancery::preflight {

struct Chain {
  std::vector<Member> members;  // leaf first
  bool anchored = false;        // the last member is trusted here
  // The last member is self-signed (trusted or not): nothing can follow.
  bool rooted = false;
};

// A certificate with the right name that did not sign: a re-keyed CA, or a damaged certificate.
struct NearMiss {
  Member child;
  Member candidate;
  bool same_key_id = false;  // even the key identifiers agree, so the signature is broken
};

struct ChainSearch {
  std::vector<Chain> chains;  // never empty: at worst the leaf alone
  std::vector<NearMiss> near_misses;
};

[[nodiscard]] ChainSearch find_chains(const Member& leaf, const Pile& pile, const Knowledge& knowledge);

// Is this certificate trusted here by itself?
[[nodiscard]] bool is_anchor(const Certificate& certificate, const Pile& pile, const Knowledge& knowledge);

}  // namespace chancery::preflight
