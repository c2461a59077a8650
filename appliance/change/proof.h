// Seeing with one's own eyes: handshakes with every endpoint that presents a changed identity, and in memory for what
// is stopped. Internal to appliance/change.
//
//   Prover prover(workplace);
//   std::vector<Outcome::Proof> proofs = prover.prove(generation, identities, status, StoppedConsumers::fail);
//   if (const auto* failed = first_failure(proofs)) …
//
// Endpoints are looked at in parallel, each until it presents exactly the staged leaf and intermediates or its patience
// ends (a consumer may add its root). Nothing is changed; nothing throws for an endpoint that fails.
#pragma once

#include <string>
#include <vector>

#include "appliance/change/transaction.h"

namespace chancery::change {

enum class StoppedConsumers { fail, pass };

struct SeenProof {
  Outcome::Proof proof;
  std::string program;  // the program or consumer, for messages
  std::string problem;  // "" when ok
};

[[nodiscard]] std::vector<SeenProof> prove(const Workplace& workplace, const backup::Generation& generation,
                                           const std::vector<std::string>& identities,
                                           const std::vector<ProgramStatus>& status, StoppedConsumers stopped);
// Of one consumer only, one look each, without waiting. True when every probe address presents its chain.
[[nodiscard]] bool presents_now(const backup::Generation& generation, const Consumer& consumer);
// True when none of its probe addresses accepts a connection (and it has one).
[[nodiscard]] bool is_stopped(const Consumer& consumer);

}  // namespace chancery::change
