#include "backup/whole/whole_backup.h"

#include <sodium.h>

#include <algorithm>
#include <set>

#include "backup/generations/plain_path.h"
#include "backup/sets/archive.h"
#include "keystore/bytes/cursor.h"
#include "keystore/openssl/digest.h"

namespace chancery::backup {
namespace {

constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kDescription = 64u << 10;
constexpr std::size_t kPath = 1000;
constexpr std::size_t kName = 64;
constexpr std::uint64_t kMostEntries = 1'000'000;
constexpr std::uint64_t kLargestFile = 64ull << 30;
constexpr std::size_t kPart = 64u << 10;
constexpr mode_t kModes = 01777;
constexpr const char* kSubject = "backup of an appliance";

Failure damaged(const std::string& cause) { return damaged_backup(kSubject, cause); }

// SHA-256 of what passes by; libsodium's, which hashes in parts.
class PassingDigest {
 public:
  PassingDigest() { crypto_hash_sha256_init(&state_); }
  PassingDigest(const PassingDigest&) = delete;
  PassingDigest& operator=(const PassingDigest&) = delete;
  ~PassingDigest() { wipe(&state_, sizeof state_); }
  void add(ByteView bytes) { crypto_hash_sha256_update(&state_, bytes.data(), bytes.size()); }
  Sha256 end() {
    Sha256 digest{};
    crypto_hash_sha256_final(&state_, digest.data());
    return digest;
  }

 private:
  crypto_hash_sha256_state state_{};
};

void put_head(Writer& out, const WholeEntry& entry) {
  out.u8(static_cast<std::uint8_t>(entry.kind)).sized16(view_of(entry.path)).u32(entry.mode);
  out.sized16(view_of(entry.owner)).sized16(view_of(entry.group));
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

bool is_generation(const std::string& target) {
  static constexpr std::string_view prefix = "generations/";
  const std::string_view number = std::string_view(target).substr(std::min(prefix.size(), target.size()));
  return target.starts_with(prefix) && number.size() >= 6 && number.size() <= 18 &&
         std::all_of(number.begin(), number.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_name(const std::string& name) {
  return name.size() <= kName && std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.' || c == '$';
         });
}

class Reading {
 public:
  Reading(SealedReader& in, WholeBackupVisitor& visitor) : in_(in), visitor_(visitor) {}

  void run() {
    if (const std::uint64_t version = number(4); version != kVersion) {
      throw Failure({.code = "backup-newer",
                     .subject = kSubject,
                     .cause = "its format is version " + std::to_string(version) + ", and this program reads " +
                              std::to_string(kVersion),
                     .hint = "read it with the version of chancery that wrote it, or a later one"});
    }
    visitor_.description(text(number(4), kDescription, "its description"));
    std::uint64_t count = 0;
    for (std::uint64_t kind = number(1); kind != 0; kind = number(1)) {
      if (++count > kMostEntries) throw damaged("it has more than a million entries");
      read_entry(kind);
    }
    if (number(8) != count) throw damaged("entries are missing");
    in_.expect_end();
    if (!has_current_) throw damaged("nothing in it is in force: `current` is missing");
    if (!folders_.contains(current_)) throw damaged("the generation in force is missing");
  }

 private:
  std::uint64_t number(std::size_t size) {
    std::array<std::uint8_t, 8> bytes{};
    in_.read(bytes.data(), size);
    std::uint64_t value = 0;
    for (std::size_t at = 0; at < size; ++at) value = value << 8 | bytes[at];
    return value;
  }

  std::string text(std::uint64_t size, std::size_t limit, const char* what) {
    if (size > limit) throw damaged(std::string(what) + " is too long");
    std::string out(static_cast<std::size_t>(size), '\0');
    in_.read(reinterpret_cast<std::uint8_t*>(out.data()), out.size());
    return out;
  }

  void read_entry(std::uint64_t kind) {
    WholeEntry entry;
    entry.path = text(number(2), kPath, "a path");
    const std::uint64_t mode = number(4);
    entry.owner = text(number(2), kName, "an owner's name");
    entry.group = text(number(2), kName, "a group's name");
    if (!is_plain_path(entry.path)) throw damaged("a path in it leads elsewhere or is no plain name");
    if (!names_.insert(entry.path).second) throw damaged(entry.path + " is in it twice");
    const std::string parent = parent_of(entry.path);
    if (!parent.empty() && !folders_.contains(parent)) throw damaged(entry.path + " is in no folder of its own");
    if ((mode & ~std::uint64_t{kModes}) != 0) throw damaged(entry.path + " has a mode that no file here has");
    if (!is_name(entry.owner) || !is_name(entry.group)) throw damaged(entry.path + " has an owner that is no name");
    entry.mode = static_cast<mode_t>(mode);
    switch (kind) {
      case 1:
        entry.kind = WholeEntry::Kind::folder;
        folders_.insert(entry.path);
        return visitor_.begin(entry);
      case 2:
        return read_file(entry);
      case 3:
        return read_link(entry);
      default:
        throw damaged(entry.path + " is neither file, folder nor link");
    }
  }

  void read_link(WholeEntry& entry) {
    entry.kind = WholeEntry::Kind::link;
    entry.target = text(number(2), kPath, "a link's target");
    if (entry.path != "current" || !is_generation(entry.target)) {
      throw damaged(entry.path + " is a link; only `current` is one, to a generation");
    }
    has_current_ = true;
    current_ = entry.target;
    visitor_.begin(entry);
  }

  void read_file(WholeEntry& entry) {
    entry.kind = WholeEntry::Kind::file;
    entry.size = number(8);
    if (entry.size > kLargestFile) throw damaged(entry.path + " is too large");
    visitor_.begin(entry);
    PassingDigest digest;
    for (std::uint64_t left = entry.size; left > 0;) {
      const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left, part_.size()));
      in_.read(part_.data(), size);
      digest.add(view_of(part_).first(size));
      visitor_.bytes(view_of(part_).first(size));
      left -= size;
    }
    Sha256 expected{};
    in_.read(expected.data(), expected.size());
    if (digest.end() != expected) throw damaged(entry.path + " is not as it was when it was taken in");
    visitor_.end_of_file();
  }

  SealedReader& in_;
  WholeBackupVisitor& visitor_;
  std::set<std::string> names_;
  std::set<std::string> folders_;
  bool has_current_ = false;
  std::string current_;
  SecretBytes part_ = SecretBytes(kPart);
};

}  // namespace

WholeBackupWriter::WholeBackupWriter(SealedWriter& out, const std::string& description) : out_(out) {
  Writer head;
  head.u32(kVersion).sized32(view_of(description));
  out_.write(view_of(head.bytes()));
}

WholeBackupWriter::~WholeBackupWriter() = default;

void WholeBackupWriter::add(const WholeEntry& entry) {
  Writer head;
  put_head(head, entry);
  if (entry.kind == WholeEntry::Kind::link) head.sized16(view_of(entry.target));
  out_.write(view_of(head.bytes()));
  ++count_;
}

void WholeBackupWriter::add_file(const WholeEntry& entry, const Source& source) {
  Writer head;
  put_head(head, entry);
  head.u64(entry.size);
  out_.write(view_of(head.bytes()));
  PassingDigest digest;
  SecretBytes part(kPart);
  std::uint64_t left = entry.size;
  for (;;) {
    const std::size_t count = source(part.data(), part.size());
    if (count > left || (count == 0 && left > 0)) {
      throw Failure({.code = "changed-meanwhile",
                     .subject = entry.path,
                     .cause = "its length changed while it was read",
                     .hint = "something else writes into the appliance's state; stop it and repeat the command"});
    }
    if (count == 0) break;
    digest.add(view_of(part).first(count));
    out_.write(view_of(part).first(count));
    left -= count;
  }
  out_.write(digest.end());
  ++count_;
}

void WholeBackupWriter::finish() {
  Writer tail;
  tail.u8(0).u64(count_);
  out_.write(view_of(tail.bytes()));
  out_.finish();
}

void read_whole_backup(SealedReader& in, WholeBackupVisitor& visitor) { Reading(in, visitor).run(); }

}  // namespace chancery::backup
