// A zip of members that are stored, not deflated (PKWARE APPNOTE 6.3.10, 4.3). Internal to backup/sets: archive.h is what
// others use.
//
//   StoredArchive zip = stored_archive({{"manifest.json", view, 0600}}, when, seal);    // zip.pieces, one after the other
//   std::optional<Bytes> covered = sealed_part(bytes);                                  // of such a zip, to judge its seal
//
// libzip would hold every byte twice more; here large contents stay where they are. The seal is made over
//
//   each member's local header, then the SHA-256 of its contents;  the central directory; the end record and its comment
//
// up to the seal's own digits, the last bytes of that comment. So the contents are gone over once, whoever needs their
// SHA-256 besides. Not checked: names, and that all fits into 4 GiB (archive.cpp does). Thread safe.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "backup/sets/archive.h"

namespace chancery::backup {

struct SealWriting {
  std::string_view comment;                         // that the seal's digits follow
  std::function<std::string(ByteView covered)> of;  // always as many digits
  std::size_t digits;
};
[[nodiscard]] StoredArchive stored_archive(const std::vector<ArchiveEntry>& entries, Instant when,
                                           const SealWriting& seal);

// What the seal of such a zip must cover, up to its last `digits` bytes; nullopt where it is not laid out so to the byte.
// At most `most_members`.
[[nodiscard]] std::optional<Bytes> sealed_part(ByteView bytes, std::size_t digits, std::size_t most_members);

}  // namespace chancery::backup
