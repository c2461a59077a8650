// Files outside STATE that a change writes too (a JDK's cacerts). Internal to appliance/change.
//
// Their bytes before are kept under STATE/backups/foreign and both hashes are journalled before anything is written;
// each is written by an atomic rename, right after a last look at it; on the way back one that matches neither hash was
// changed by somebody else meanwhile: it is left alone and told. Between that last look and the rename lie microseconds
// in which a writer that does not rename could still lose; no lock would bind a JDK's installer.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "appliance/change/plan.h"
#include "backup/journal/journal.h"

namespace chancery::change {

inline constexpr const char* kept_foreign_folder = "backups/foreign";  // below STATE

// Hex of the bytes there now; "" when there is no such file.
[[nodiscard]] std::string foreign_sha256(const std::string& path);
// How a backup set names such a file ("foreign/etc/ssl/certs/java/cacerts"), and the other way; nullopt for a path that
// cannot be named in a set, and for a name that is of no such file.
[[nodiscard]] std::optional<std::string> name_in_set(const std::string& path);
[[nodiscard]] std::optional<std::string> path_of_set_name(const std::string& name);
// The bytes before, for a backup set. Failure("foreign-changed").
[[nodiscard]] std::map<std::string, backup::NewFile> foreign_as_it_is(const std::vector<ForeignEdit>& edits);

// Compares with what the plan was made from: Failure("foreign-changed", needs_person).
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
// Keeps the bytes before of the newest `changes` changes, for somebody who wants one back by hand, and no more.
void retain_foreign(const Folder& state, std::size_t changes);

}  // namespace chancery::change
