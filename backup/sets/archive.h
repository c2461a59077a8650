// The zip inside a backup set: an ordinary zip (unzip lists it) whose comment seals every byte of it.
//
//   SecretBytes zip = write_archive({{"manifest.json", view, 0644}, …}, when, mac_key);
//   std::map<std::string, ArchiveMember> members = read_archive(zip, mac_key);      // seal first, then contents
//
//   zip = ordinary zip entries, end-of-central-directory record with a comment of a word and 64 hex digits
//   "chancery-mac:"   HMAC-SHA256(key, all bytes before those digits)
//   "chancery-sum:"   HMAC-SHA256(key, the same with the SHA-256 of each member's contents in place of the contents),
//                     where all are stored: stored_archive.h
//
// The seal is checked before libzip sees a byte, so a forged archive costs one hash and meets no parser. What is behind
// it is checked all the same: at most 10,000 members, 64 MiB a member and 256 MiB in all (by the sizes that the archive
// claims before anything is inflated, and again while inflating), plain relative names, regular files only, no
// duplicates, nothing encrypted, stored or deflated, CRC, no zip64, no bytes outside. Anything off is
// Failure("backup-damaged") and nothing is handed out. libzip's own buffers are not wiped. Thread safe.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "backup/sets/content_sums.h"
#include "keystore/bytes/secret.h"
#include "keystore/fault.h"
#include "keystore/x509/instant.h"

namespace chancery::backup {

inline constexpr std::size_t kMaximumArchive = 96u << 20;
inline constexpr std::size_t kMaximumMembers = 10'000;
inline constexpr std::uint64_t kMaximumMember = 64u << 20;
inline constexpr std::uint64_t kMaximumContents = 256u << 20;

struct ArchiveEntry {
  std::string path;
  ByteView bytes;  // must live until write_archive returns
  mode_t mode = 0600;
  std::optional<ContentSums> sums = {};  // where somebody has them already
  bool outlives = false;                 // `bytes` live as long as a StoredArchive of them does
};

struct ArchiveMember {
  SecretBytes bytes;
  mode_t mode = 0;
};

[[nodiscard]] Failure damaged_backup(const std::string& subject, const std::string& cause);

// Deterministic for equal entries and time. Failure("too-large") above the limits.
enum class Deflate { large_members, none };
[[nodiscard]] SecretBytes write_archive(const std::vector<ArchiveEntry>& entries, Instant when, ByteView mac_key,
                                        Deflate deflate = Deflate::large_members);
// Stored and sealed, in pieces of which the large ones look into entries that outlive it.
struct StoredArchive {
  SecretBytes frame;
  std::vector<ByteView> pieces;
};
[[nodiscard]] StoredArchive write_stored_archive(const std::vector<ArchiveEntry>& entries, Instant when,
                                                 ByteView mac_key);

[[nodiscard]] std::map<std::string, ArchiveMember> read_archive(ByteView bytes, ByteView mac_key);
// The same checks without the seal: for tests and fuzzing, never for a set.
[[nodiscard]] std::map<std::string, ArchiveMember> read_archive_without_checking_its_seal(ByteView bytes);

}  // namespace chancery::backup
