// What an engine tells its collectors of the federation's trust, made once for each generation (docs/state.md, "Proven
// anchors"): its roots, what vouches for the newer ones, the retired ones, and the lists of revoked certificates.
//
//   FederationTrust trust = federation_trust_of(generation);
//   session.send(trust.anchors);
//
// Outside a federation everything is empty. What cannot be read, or is too large to be sent (revocation lists of more
// than 180 KiB in all), is left out and stands in `problem`. A value.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "appliance/serving/serving_program.h"
#include "backup/generations/generation.h"

namespace chancery::engine {

struct FederationTrust {
  std::string anchors;             // the message, as it is sent; "" where there is none
  std::vector<std::string> roots;  // SHA-256, newest last
  bool is_rotating = false;        // there is, or was, more than one root: proofs are asked for
  std::string revocations;         // the message; "" where nothing is revoked
  std::vector<std::string> lists;  // SHA-256 of the lists in it
  // By endpoint: the roots at which its chain ends, cross certificates not counted.
  std::map<std::string, std::vector<std::string>> reached;
  std::optional<serving::Condition> problem;
};

[[nodiscard]] FederationTrust federation_trust_of(const backup::Generation& generation);

}  // namespace chancery::engine
