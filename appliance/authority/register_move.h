// Moving the register from one place to another, so that at every moment one of them counts and a cut at any point
// loses nothing: the same call again goes on where it stood.
//
//   const Move move = move_register(from, to, me, clock, progress);      // then switch the setting
//
//   1  in one write transaction of each: all rows are copied, read back and compared by digest; the new place is
//      marked "copying", so that nobody writes there yet
//   2  the old place is marked "moved", in the transaction that kept everybody from writing since before the copy
//   3  the new place is marked "in-force"; nobody is elected there yet
//
// Cut before 2 the old place goes on as if nothing had been; after 2 it refuses every write (storage-moved). Nothing of
// the old place is deleted. A place with rows is taken only where they are an unfinished copy or what was moved away
// before: Failure("storage-not-empty").
#pragma once

#include "appliance/authority/issuance.h"
#include "appliance/storage/copy.h"

namespace chancery::authority {

struct Move {
  std::vector<storage::TableDigest> tables;  // what the new place has; empty where an earlier call had copied it
  bool was_resumed = false;
};
// Told at each point where the call might be cut.
using MoveProgress = std::function<void(const std::string& step)>;

Move move_register(const RegisterPlace& from, const RegisterPlace& to, const Claimant& me, const Clock& clock,
                   const MoveProgress& progress = {});
// The refusals of move_register, and how many rows each table has that it would copy. Writes nothing on a server.
[[nodiscard]] Move forecast_move(const RegisterPlace& from, const RegisterPlace& to);

// One or more steps back, to `version`, for an older program: refused while a primary issues on it
// (Failure("storage-in-use")), where a step has no way back, and where what would go with it is needed: a rotation that is
// under way (Failure("rotation-under-way")), or the number of one that has ended, below which no member ever follows
// (Failure("no-way-back")).
void take_back(const RegisterPlace& place, int version);
// The last two refusals; writes nothing.
void expect_way_back(const RegisterPlace& place, int version);

}  // namespace chancery::authority
