// A zip of members that are stored, not deflated, built at once in memory of the size it takes (PKWARE APPNOTE 6.3.10, 4.3).
// Internal to backup/sets: archive.h, which seals it, is what others use.
//
//   SecretBytes zip = stored_archive({{"manifest.json", view, 0600}}, when, comment);
//
// libzip would hold every byte twice more. Not checked: names, and that all fits into 4 GiB (archive.cpp does). Thread safe.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "backup/sets/archive.h"

namespace chancery::backup {

[[nodiscard]] SecretBytes stored_archive(const std::vector<ArchiveEntry>& entries, Instant when,
                                         std::string_view comment);

// MS-DOS time and date, UTC, to two seconds: what a zip has.
[[nodiscard]] std::pair<std::uint16_t, std::uint16_t> dos_time(Instant when);

}  // namespace chancery::backup
