// Files outside STATE that a change writes too (a JDK's cacerts). Internal to appliance/change.
//
// Their bytes before are kept under STATE/backups/foreign and both hashes are journalled before anything is written;
// each is written by an atomic rename; on the way back one that matches neither hash was changed by somebody else
// meanwhile: it is left alone and told.
#pragma once

#include <string>
#include <vector>

#include "appliance/change/plan.h"
#include "backup/journal/journal.h"

namespace chancery::change {

// Compares with what the plan was made from: Failure("foreign-changed").
void expect_unchanged(const std::vector<ForeignEdit>& edits);
// Keeps the bytes before; returns what the journal has to say. `tag` makes the kept names unique.
[[nodiscard]] std::vector<backup::ForeignFile> save_foreign(const Folder& state, const std::vector<ForeignEdit>& edits,
                                                            const std::string& tag);
void write_foreign(const std::vector<ForeignEdit>& edits);
// Puts the bytes before back; returns the paths that were left alone, each with why.
[[nodiscard]] std::vector<std::string> restore_foreign(const Folder& state,
                                                       const std::vector<backup::ForeignFile>& files);
// Forgets the kept bytes of a change that never was.
void forget_foreign(const Folder& state, const std::vector<backup::ForeignFile>& files) noexcept;

}  // namespace chancery::change
