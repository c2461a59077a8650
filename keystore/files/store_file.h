// A file that is changed where it lies: read under a lock, replaced as a whole, and never over somebody else's change.
//
//   StoreFile file = StoreFile::open("/etc/tomcat/keystore.p12", {.holder = "chancery keystore import (pid 4711)"});
//   SecretBytes before = file.bytes();                                     // as read under the lock
//   file.replace(view_of(sealed), [&](ByteView read_back) { (void)open_keystore(read_back, …); });
//
// The lock is a kernel lock (flock, dies with its holder) on `.NAME.lock` beside the file, removed when it is given
// back; a second one waits up to `patience` and then gets Failure("busy") that names the holder. The path is followed:
// where it is a symbolic link the target is replaced and the link stays. `replace` writes a temporary file beside the
// target with its owner, group, mode and extended attributes (ACLs among them), syncs it, reads it back through a new
// descriptor, compares, and lets `accept` judge what was read; then looks whether the file is still the one that was
// read (same inode, same bytes or nobody who opened it for writing, or still absent), renames, and syncs the folder.
// Changed by somebody else meanwhile: Failure("foreign-changed"), and their file stands. After any Failure the file is
// as it was and no temporary file is left; only a failure of the last step (syncing the folder, needs_person) leaves
// the new file in place, as not yet safe against power loss.
//
// Failure("hard-linked") where the file has other names (a rename would part them), unless `part_hard_links`.
// Failure("not-a-file") for folders, FIFOs, devices. Failure("permission-denied") where the folder cannot be written.
// The window between the last look and the rename is a few microseconds; only a writer that keeps neither to the lock
// nor to renames can hit it. Thread safety: one thread per object.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "keystore/bytes/secret.h"
#include "keystore/files/folder.h"

namespace chancery {

struct StoreFileOptions {
  std::string holder;  // who we are, for the one who waits
  std::chrono::milliseconds patience{10'000};
  std::size_t limit = 64 * 1024 * 1024;
  bool part_hard_links = false;
  // Others who open the file for writing wait until this object and the owners of its bytes are gone, 45 seconds at most,
  // and `replace` then leaves it to them: Failure("foreign-changed"). Spares `replace` reading it again to see whether it
  // has changed, and a large file is not copied to memory (read_lease.h). Only where no person is asked for anything
  // meanwhile. Where the kernel does not do that it is read, and read again, as ever.
  bool hold_off_writers = false;
};

// What a file shall hold, one piece after the other: what stays as it is need not be copied to be written.
struct FileContents {
  std::vector<ByteView> pieces;
  std::shared_ptr<const void> owner;  // of what the pieces look into

  [[nodiscard]] static FileContents of(SecretBytes bytes);
};

class StoreFile {
 public:
  // The file need not be there: exists() tells, and replace makes it. Its folder must be.
  [[nodiscard]] static StoreFile open(const std::string& path, const StoreFileOptions& options);
  StoreFile(StoreFile&&) noexcept;
  StoreFile& operator=(StoreFile&&) noexcept;
  ~StoreFile();

  [[nodiscard]] bool exists() const noexcept;
  [[nodiscard]] ByteView bytes() const;                     // empty where it does not exist
  [[nodiscard]] std::shared_ptr<const void> owner() const;  // of these bytes, which it keeps after this object is gone
  [[nodiscard]] const std::string& sha256() const;          // hex; "" where it does not exist
  [[nodiscard]] const std::string& path() const noexcept;   // absolute, links followed: what is replaced
  [[nodiscard]] std::optional<FileAttributes> attributes() const;

  using Accept = std::function<void(ByteView read_back)>;  // throws to refuse
  // `fresh` is the mode of a file that was not there: 0600 where it holds keys, else 0644 less the umask; owner and
  // group where it had some once (a restore). An existing file keeps its own. After it the object stands for the new
  // file.
  void replace(SecretBytes bytes, const Accept& accept, const FileAttributes& fresh = {.mode = 0600});
  void replace(ByteView bytes, const Accept& accept, const FileAttributes& fresh = {.mode = 0600}) {
    replace(secret_copy(bytes), accept, fresh);
  }
  // The same of pieces. `accept` is called when the file was read back and holds them to the byte.
  void replace(FileContents contents, const std::function<void()>& accept, const FileAttributes& fresh);
  // Failure("foreign-changed") unless the file is still as it was read. For looking again before something slow.
  void expect_unchanged() const;

 private:
  struct State;
  explicit StoreFile(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace chancery
