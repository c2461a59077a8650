// The way back from a change whose journal is written: foreign files, the link, programs, consumers, and a look at what
// is served then. Shared by the transaction and the resolution of a change in doubt. Internal to appliance/change.
#pragma once

#include <string>
#include <vector>

#include "appliance/change/proof.h"
#include "keystore/fault.h"

namespace chancery::change {

struct Extent {
  // Was `to` in force at any time? Programs then activate `from` in any case.
  bool was_switched = true;
  // Which outside services are reloaded: none was told of `to`, all were, or whoever does not present the old chain.
  enum class Reload { none, all, who_differs } reload = Reload::all;
  StoppedConsumers stopped = StoppedConsumers::fail;
};

// Afterwards `from` is in force. Returns what did not come along, each for people ("portal: refused to activate …");
// empty means that everything that runs serves the old state, seen by a handshake. Throws a Failure with needs_person,
// journal left in place, when `from` itself cannot be put in force.
[[nodiscard]] std::vector<std::string> go_back(const Workplace& workplace, const backup::ChangeInDoubt& change,
                                               const Extent& extent);

// Removes the generation that is not wanted (where nothing serves it any more) and the journal. Never throws: what it
// cannot remove, the next one who takes the lock sweeps.
void close_the_way_back(const Workplace& workplace, const backup::ChangeInDoubt& change, bool nothing_left) noexcept;

// The Failure of a way back that left problems (needs_person).
[[nodiscard]] Failure incomplete(const backup::ChangeInDoubt& change, const std::string& reason,
                                 const std::vector<std::string>& problems);

// The identities that the generation has.
[[nodiscard]] std::vector<std::string> existing(const backup::Generation& generation,
                                                const std::vector<std::string>& identities);
// The first proof that failed as Failure("probe-failed"); nothing when all hold.
void expect_proven(const std::vector<SeenProof>& proofs);
// Failure("program-silent") when one runs and does not answer.
void expect_answering(const std::vector<ProgramStatus>& status);

}  // namespace chancery::change
