// The change in doubt: STATE/change.json exists from just before the rename of `current` until the change is committed.
// *Removing it is the commit.* Found while the writer's lock is free, it says what was being changed, so that whoever
// comes next can finish it or go back (appliance/change/recovery.h).
//
// The writes are atomic and synced; the file is 0600 and holds no secret. Not checked: that the paths of foreign files
// still make sense; whoever resolves does that. Thread safety: the holder of the writer's lock only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "backup/generations/generation.h"

namespace chancery::backup {

// A file outside STATE that must stay where it is (a JDK's cacerts). Hashes are lower-case hex SHA-256; "" = absent.
struct ForeignFile {
  std::string path;
  std::string before_sha256;
  std::string after_sha256;
  std::string saved_as;  // path below STATE/backups/foreign where the bytes before are kept
};

struct ChangeInDoubt {
  GenerationNumber from = 0;
  GenerationNumber to = 0;
  std::string step;  // name of the last step completed, see appliance/change/step.h
  Cause cause;
  std::vector<std::string> identities;  // whose endpoints have to be probed
  std::vector<std::string> programs;    // that were told to prepare
  std::vector<std::string> consumers;
  std::vector<ForeignFile> foreign;
  std::string backup_set;  // id of the set made for this change
};

class Journal {
 public:
  explicit Journal(const Folder& state) : state_(state) {}
  [[nodiscard]] std::optional<ChangeInDoubt> read() const;  // Failure("journal-invalid", needs_person) when damaged
  void write(const ChangeInDoubt& change) const;
  void commit() const;  // removes it, syncs the folder

 private:
  const Folder& state_;
};

}  // namespace chancery::backup
