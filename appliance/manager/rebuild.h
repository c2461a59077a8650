// An appliance out of a backup of the whole (appliance_backup.h): on a machine that has none.
//
//   const Rebuilt rebuilt = rebuild_appliance({.backup = path, .state = state}, passphrase, who, clock);
//
// The whole file is checked before anything is written. The state is built beside and put in place by one rename
// (state_draft.h): killed at any moment, there is either no appliance or the whole one, and the command can be repeated. Owners
// are looked up by their names (Failure("unknown-user") names the first that is missing); an appliance for trying out
// belongs to whoever rebuilds it. A state that is there already is Failure("already-initialised").
//
// Numbers never go back: generations go on at the next thousand, lists of revocations at the time in seconds, the audit at
// the next million; tokens that were open are revoked. Lost is what happened after the backup: members that joined since
// are not in the register and need a new token when their certificates end; members that were removed since have to be
// removed again; certificates replaced since are the old ones again. The heads that peers hold of the audit tell how
// many records were lost (chancery audit verify). The former machine must not run again: two appliances would be one.
#pragma once

#include "appliance/manager/appliance_backup.h"

namespace chancery::manager {

struct RebuildOptions {
  std::string backup;
  std::string state;
};

struct Rebuilt {
  WholeBackup backup;
  std::string state;  // absolute
  int tokens_revoked = 0;
  std::int64_t audit_number = 0;  // of the record of the rebuild
};

[[nodiscard]] Rebuilt rebuild_appliance(const RebuildOptions& options, const SecretBytes& passphrase,
                                        const std::string& who, const Clock& clock);
// Every check of it; writes nothing.
[[nodiscard]] Rebuilt plan_rebuild(const RebuildOptions& options, const SecretBytes& passphrase);

}  // namespace chancery::manager
