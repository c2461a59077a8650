#include "backup/sets/archive.h"

#include <sys/stat.h>

#include <array>
#include <set>

#include "backup/generations/plain_path.h"
#include "backup/sets/stored_archive.h"
#include "backup/zip/deflated.h"
#include "backup/zip/handles.h"
#include "keystore/bytes/large_memory.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/openssl/digest.h"

namespace chancery::backup {
namespace {

constexpr std::string_view kComment = "chancery-mac:";
constexpr std::string_view kStoredComment = "chancery-sum:";
static_assert(kComment.size() == kStoredComment.size());
constexpr std::size_t kMacDigits = 64;
constexpr std::size_t kEndRecord = 22;  // PKWARE APPNOTE 4.3.16, without the comment
constexpr std::size_t kTrailer = kEndRecord + kComment.size() + kMacDigits;
// Base64 of certificates saves a quarter; below this that is worth less than setting a compressor up for each file.
constexpr std::size_t kWorthDeflating = 32 * 1024;
constexpr unsigned kFastest = 1;

Failure cannot_write(const std::string& cause) {
  return Failure({.code = "backup-failed",
                  .subject = "backup set",
                  .cause = "the archive could not be built: " + cause,
                  .hint = "free some memory and try again"});
}

Failure too_large(const std::string& subject) {
  return Failure(
      {.code = "too-large",
       .subject = subject,
       .cause = "it does not fit into a backup set: at most 10000 files, 64 MiB each, 256 MiB in all, 96 MiB packed",
       .hint = "remove what does not belong to the appliance's certificates, large bundles first"});
}

SecretBytes deflated_archive(const std::vector<ArchiveEntry>& entries, Instant when, const std::string& comment) {
  std::vector<zip::Member> members;
  for (const ArchiveEntry& entry : entries) members.push_back({entry.path, entry.bytes, entry.mode});
  auto bytes = zip::deflated(members, when,
                             {.level = kFastest,
                              .deflate_from = kWorthDeflating,
                              .comment = comment,
                              .most_bytes = kMaximumArchive,
                              .cannot_write = cannot_write});
  if (!bytes) {
    throw too_large("backup set");
  }
  if (bytes->size() < kTrailer) {
    throw cannot_write("its buffer cannot be read");
  }
  return std::move(*bytes);
}

std::string mac_of(ByteView sealed, ByteView mac_key) { return to_hex(hmac_sha256(mac_key, sealed)); }

std::string_view comment_of(ByteView bytes) {
  return text_of(bytes.subspan(bytes.size() - kMacDigits - kComment.size(), kComment.size()));
}

bool has_right_seal(ByteView bytes, ByteView mac_key) {
  const ByteView seal = bytes.last(kMacDigits);
  if (comment_of(bytes) != kStoredComment) {
    return secret_equal(view_of(mac_of(bytes.first(bytes.size() - kMacDigits), mac_key)), seal);
  }
  const std::optional<Bytes> covered = sealed_part(bytes, kMacDigits, kMaximumMembers);
  return covered && secret_equal(view_of(mac_of(*covered, mac_key)), seal);
}

std::uint32_t little_endian(ByteView bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) {
    value = (value << 8) | bytes[i];
  }
  return value;
}

// The end record stands where we put it, counts few enough members, and leaves no byte unaccounted for behind it.
// Checked before libzip, which would build its whole directory first.
void check_trailer(ByteView bytes) {
  if (bytes.size() < kTrailer || bytes.size() > kMaximumArchive) {
    throw damaged_backup("backup set", "it is cut off or too large");
  }
  const std::size_t at = bytes.size() - kTrailer;
  const ByteView record = bytes.subspan(at, kEndRecord);
  const auto field = [&](std::size_t offset, std::size_t size) { return little_endian(record.subspan(offset, size)); };
  const bool is_ours = field(0, 4) == 0x06054b50 && field(4, 2) == 0 && field(6, 2) == 0 &&
                       field(20, 2) == kComment.size() + kMacDigits &&
                       (comment_of(bytes) == kComment || comment_of(bytes) == kStoredComment);
  if (!is_ours || std::uint64_t{field(12, 4)} + field(16, 4) != at) {
    throw damaged_backup("backup set", "it does not end like a backup set");
  }
  if (field(8, 2) != field(10, 2) || field(10, 2) > kMaximumMembers) {
    throw damaged_backup("backup set", "it has more than 10000 members");
  }
}

std::uint64_t check_member(zip_t* archive, zip_uint64_t index, std::set<std::string>& names, std::string& name) {
  zip_stat_t status;
  zip_stat_init(&status);
  constexpr zip_uint64_t needed =
      ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD | ZIP_STAT_CRC;
  const char* raw = zip_get_name(archive, index, ZIP_FL_ENC_RAW);
  if (raw == nullptr || zip_stat_index(archive, index, 0, &status) != 0 || (status.valid & needed) != needed) {
    throw damaged_backup("backup set", "a member cannot be described");
  }
  name = raw;
  if (!is_plain_path(name)) {
    throw damaged_backup("backup set", "a member's name leads elsewhere or is not plain");
  }
  if (!names.insert(name).second) {
    throw damaged_backup("backup set", "\"" + name + "\" is in it twice");
  }
  zip_uint8_t system = 0;
  zip_uint32_t attributes = 0;
  if (zip_file_get_external_attributes(archive, index, 0, &system, &attributes) != 0 || system != ZIP_OPSYS_UNIX ||
      !S_ISREG(attributes >> 16)) {
    throw damaged_backup("backup set", "\"" + name + "\" is not a regular file");
  }
  if (status.encryption_method != ZIP_EM_NONE ||
      (status.comp_method != ZIP_CM_STORE && status.comp_method != ZIP_CM_DEFLATE)) {
    throw damaged_backup("backup set", "\"" + name + "\" is encrypted or packed in an unknown way");
  }
  if (status.size > kMaximumMember) {
    throw damaged_backup("backup set", "\"" + name + "\" is larger than 64 MiB");
  }
  return status.size;
}

ArchiveMember read_member(zip_t* archive, zip_uint64_t index, const std::string& name) {
  ArchiveMember member;
  zip_uint8_t system = 0;
  zip_uint32_t attributes = 0;
  zip_stat_t status;
  zip_stat_init(&status);
  zip_file_get_external_attributes(archive, index, 0, &system, &attributes);
  zip_stat_index(archive, index, 0, &status);
  member.mode = (attributes >> 16) & 07777u;
  const zip::OpenMember file(zip_fopen_index(archive, index, 0));
  if (!file) {
    throw damaged_backup("backup set", "\"" + name + "\" cannot be opened");
  }
  std::array<std::uint8_t, 32768> block{};
  for (;;) {
    const zip_int64_t count = zip_fread(file.get(), block.data(), block.size());
    if (count < 0) {  // the CRC is judged when the end is reached
      wipe(block.data(), block.size());
      throw damaged_backup("backup set", "\"" + name + "\" is damaged: " + zip_file_strerror(file.get()));
    }
    if (count == 0) {
      break;
    }
    append(member.bytes, ByteView(block).first(static_cast<std::size_t>(count)));
    if (member.bytes.size() > status.size) {
      break;
    }
  }
  wipe(block.data(), block.size());
  if (member.bytes.size() != status.size) {
    throw damaged_backup("backup set", "\"" + name + "\" is not as long as it says");
  }
  return member;
}

}  // namespace

Failure damaged_backup(const std::string& subject, const std::string& cause) {
  return Failure({.code = "backup-damaged",
                  .subject = subject,
                  .cause = "the backup set is damaged: " + cause,
                  .hint = "nothing was restored; choose another set: `chancery backup list` shows which ones verify"});
}

namespace {

void expect_to_fit(const std::vector<ArchiveEntry>& entries) {
  std::uint64_t total = 0;
  for (const ArchiveEntry& entry : entries) {
    total += entry.bytes.size();
    if (entry.bytes.size() > kMaximumMember || total > kMaximumContents || entries.size() > kMaximumMembers) {
      throw too_large(entry.path);
    }
  }
}

}  // namespace

StoredArchive write_stored_archive(const std::vector<ArchiveEntry>& entries, Instant when, ByteView mac_key) {
  expect_to_fit(entries);
  const auto seal = [&](ByteView covered) { return mac_of(covered, mac_key); };
  return stored_archive(entries, when, {.comment = kStoredComment, .of = seal, .digits = kMacDigits});
}

SecretBytes write_archive(const std::vector<ArchiveEntry>& entries, Instant when, ByteView mac_key, Deflate deflate) {
  if (deflate == Deflate::none) {
    return joined(write_stored_archive(entries, when, mac_key).pieces);
  }
  expect_to_fit(entries);
  SecretBytes bytes = deflated_archive(entries, when, std::string(kComment) + std::string(kMacDigits, '0'));
  const std::string mac = mac_of(view_of(bytes).first(bytes.size() - kMacDigits), mac_key);
  std::ranges::copy(mac, bytes.end() - static_cast<std::ptrdiff_t>(kMacDigits));
  return bytes;
}

std::map<std::string, ArchiveMember> read_archive(ByteView bytes, ByteView mac_key) {
  if (bytes.size() < kTrailer || bytes.size() > kMaximumArchive) {
    throw damaged_backup("backup set", "it is cut off or too large");
  }
  if (!has_right_seal(bytes, mac_key)) {
    throw damaged_backup("backup set", "its seal does not fit: it was altered, or made by another appliance");
  }
  return read_archive_without_checking_its_seal(bytes);
}

std::map<std::string, ArchiveMember> read_archive_without_checking_its_seal(ByteView bytes) {
  check_trailer(bytes);
  zip::Error error;
  zip::Source buffer(zip_source_buffer_create(bytes.data(), bytes.size(), 0, error.get()));
  if (!buffer) {
    throw damaged_backup("backup set", error.text());
  }
  const zip::Archive archive(zip_open_from_source(buffer.get(), ZIP_RDONLY | ZIP_CHECKCONS, error.get()));
  if (!archive) {
    throw damaged_backup("backup set", error.text());
  }
  static_cast<void>(buffer.release());  // the archive's from here on
  const zip_int64_t entries = zip_get_num_entries(archive.get(), 0);
  if (entries < 0 || static_cast<std::uint64_t>(entries) > kMaximumMembers) {
    throw damaged_backup("backup set", "it has more than 10000 members");
  }
  const auto count = static_cast<zip_uint64_t>(entries);
  std::set<std::string> seen;
  std::vector<std::string> names(count);
  std::uint64_t total = 0;
  for (zip_uint64_t index = 0; index < count; ++index) {
    total += check_member(archive.get(), index, seen, names[index]);
    if (total > kMaximumContents) {
      throw damaged_backup("backup set", "its members are larger than 256 MiB together");
    }
  }
  std::map<std::string, ArchiveMember> members;
  for (zip_uint64_t index = 0; index < count; ++index) {
    members.emplace(names[index], read_member(archive.get(), index, names[index]));
  }
  return members;
}

}  // namespace chancery::backup
