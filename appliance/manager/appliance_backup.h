// A backup of the whole appliance in one file under a passphrase (backup/whole): everything below STATE but what is made
// anew when programs start (run/, locks). Authority with its keys, Customer Key, repair key, databases, generations,
// backup sets, settings and secrets: whoever has the file and its passphrase has the appliance.
//
//   back_up_appliance(state, who, passphrase, clock, sink);          // the appliance goes on serving
//   const WholeBackup what = examine_appliance_backup(path, passphrase);
//
// Taken under the writer's lock, so that no change is half in it; databases are copied by SQLite's own backup, each as it is
// at one moment, whatever its program writes meanwhile. Where a register or devices lie on a PostgreSQL server, that server
// is named in the backup and not in it: it has backups of its own. The audit has a record before the first byte leaves.
//
// Failures: "busy", "passphrase-empty", "changed-meanwhile", those of storage and files; of the reader those of
// backup/whole/whole_backup.h. Needs to read all of STATE: root, or the one user of an appliance for trying out.
#pragma once

#include <string>
#include <vector>

#include "backup/whole/whole_backup.h"
#include "keystore/x509/instant.h"

namespace chancery::manager {

struct WholeBackup {
  std::string name;
  std::string role;
  std::string federation;
  std::string made_by;  // version
  Instant created{};
  std::int64_t generation = 0;
  std::int64_t audit_number = 0;  // the newest record in it
  bool separate_users = false;
  std::vector<std::string> outside;   // what is kept elsewhere: "storage of the engine: postgresql://…"
  std::vector<std::string> left_out;  // links, sockets and the like
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;
};

[[nodiscard]] WholeBackup back_up_appliance(const std::string& state_path, const std::string& who,
                                            const SecretBytes& passphrase, const Clock& clock,
                                            const backup::Sink& sink);

// Reads the whole file and checks every byte of it; writes nothing.
[[nodiscard]] WholeBackup examine_appliance_backup(const std::string& path, const SecretBytes& passphrase);

// From the description's JSON; Failure("backup-damaged").
[[nodiscard]] WholeBackup whole_backup_from(const std::string& description);

}  // namespace chancery::manager
