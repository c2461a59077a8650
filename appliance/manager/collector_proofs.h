// Which roots collectors and engines have proven, as the portal on this appliance wrote it down (databases/portal.db, docs/
// state.md, "Proven anchors").
#pragma once

#include <set>
#include <string>
#include <vector>

#include "keystore/x509/instant.h"

namespace chancery::manager {

struct CollectorProof {
  std::string who;     // a collector's id, or a member's name
  std::string kind;    // "collector", "member"
  std::string member;  // who told it
  std::string name;
  Instant seen{};
  bool depends = true;           // on a root of the federation, as far as is known
  std::set<std::string> held;    // SHA-256, proven or not
  std::set<std::string> proven;  // SHA-256
};

struct CollectorProofs {
  std::vector<CollectorProof> known;
  // Engines that have not told of all their collectors yet, and how many are left.
  std::vector<std::pair<std::string, std::int64_t>> pending;
};
// Empty where there is no portal, or it has written nothing yet. Failure("storage-failed") where it cannot be read.
[[nodiscard]] CollectorProofs collector_proofs(const std::string& state_path);

}  // namespace chancery::manager
