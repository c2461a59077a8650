// What stands inside a backup of a whole appliance (sealed_file.h): a description, then every folder, file and link below
// STATE with mode and owner, each file with its SHA-256.
//
//   contents = u32 version (1), sized32 description (JSON text, at most 64 KiB), entries, u8 0, u64 number of entries
//   entry    = u8 kind, sized16 path, u32 mode, sized16 owner, sized16 group, and
//              kind 1 folder: nothing · kind 2 file: u64 size, the bytes, 32 bytes SHA-256 · kind 3 link: sized16 target
//
// Numbers are big endian. Owners are names (of users and groups), "" for whoever restores. Read by read_whole_backup, which
// believes nothing: plain relative paths (plain_path.h), none twice, each in a folder that came before it, never below a link;
// the one link there is is `current` to a generation; no set-user-id; at most a million entries of at most 64 GiB. Anything
// off is Failure("backup-damaged"). A visitor is called as entries come, before the whole is known to be right: who writes
// files reads once with a visitor that does nothing, and then again. Memory: a block. One thread.
#pragma once

#include <sys/types.h>

#include <array>
#include <memory>
#include <string>

#include "backup/whole/sealed_file.h"

namespace chancery::backup {

struct WholeEntry {
  enum class Kind : std::uint8_t { folder = 1, file = 2, link = 3 };
  Kind kind = Kind::file;
  std::string path;
  mode_t mode = 0;
  std::string owner = {};
  std::string group = {};
  std::uint64_t size = 0;   // of a file
  std::string target = {};  // of a link
};

class WholeBackupWriter {
 public:
  WholeBackupWriter(SealedWriter& out, const std::string& description);  // borrowed
  ~WholeBackupWriter();
  void add(const WholeEntry& entry);  // a folder or a link
  // Failure("changed-meanwhile") where the source has not exactly `entry.size` bytes.
  void add_file(const WholeEntry& entry, const Source& source);
  void finish();  // of the sealed file as well

 private:
  SealedWriter& out_;
  std::uint64_t count_ = 0;
};

class WholeBackupVisitor {
 public:
  virtual ~WholeBackupVisitor() = default;
  virtual void description(const std::string& text) = 0;
  virtual void begin(const WholeEntry& entry) = 0;
  virtual void bytes(ByteView part) = 0;  // of the file begun last
  virtual void end_of_file() = 0;
};

void read_whole_backup(SealedReader& in, WholeBackupVisitor& visitor);

}  // namespace chancery::backup
