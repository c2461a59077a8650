// A folder held by descriptor, and the few file operations the product does in it. Everything is relative to the
// descriptor (openat and friends) and never follows a symbolic link in the last component (O_NOFOLLOW).
//
//   Folder state = Folder::open("/var/lib/chancery");
//   state.write_atomically("change.json", view_of(text), {.mode = 0600});   // temp, fsync, rename, fsync the folder
//
// Errors are Failures by errno (system_failure). `name` may hold slashes ("identities/portal/key.pem"); "..", absolute
// names, empty parts and control characters are Failure("bad-name"). Thread safety: const methods may run in parallel.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "keystore/bytes/bytes.h"
#include "keystore/bytes/secret.h"

namespace chancery {

struct FileAttributes {
  mode_t mode = 0600;
  // Owner and group are set only where given and different; needs root.
  std::optional<uid_t> owner = {};
  std::optional<gid_t> group = {};
};

struct FileStatus {
  mode_t mode;  // permission bits only
  uid_t owner;
  gid_t group;
  std::uint64_t size;
  enum class Kind { file, folder, link, other } kind;
  std::uint64_t links;
  std::int64_t modified_ns;
};

class Folder {
 public:
  // By path: links are followed, as a person expects of a path ("STATE/current" opens the generation).
  [[nodiscard]] static Folder open(const std::string& path);
  // mkdir -p, then open. Attributes go to the folders that are made here; existing ones keep theirs.
  [[nodiscard]] static Folder create(const std::string& path, const FileAttributes& attributes);
  Folder(Folder&& other) noexcept;
  Folder& operator=(Folder&& other) noexcept;
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder();

  const std::string& path() const noexcept { return path_; }
  int descriptor() const noexcept { return descriptor_; }

  [[nodiscard]] Folder open_folder(const std::string& name) const;
  // With missing parents, in the same attributes; existing is fine and keeps its own. Not synced.
  void make_folder(const std::string& name, const FileAttributes& attributes) const;
  // At most `limit` bytes; longer is Failure("too-large"). Only regular files: a FIFO, device or link is "not-a-file".
  [[nodiscard]] Bytes read(const std::string& name, std::size_t limit) const;
  [[nodiscard]] SecretBytes read_secret(const std::string& name, std::size_t limit) const;
  [[nodiscard]] std::optional<FileStatus> status(const std::string& name) const;  // lstat; nullopt: not there
  [[nodiscard]] std::vector<std::string> list() const;                            // names, sorted, without . and ..
  [[nodiscard]] std::string read_link(const std::string& name) const;

  // New file (O_EXCL); not synced.
  void create_file(const std::string& name, ByteView bytes, const FileAttributes& attributes) const;
  // Temp file beside it, written, synced, renamed over `name`, folder synced. A link, folder or device of that name is
  // Failure("not-a-file"). After any Failure the old file stands and no temp file is left; only a failure of the last
  // step (syncing the folder) leaves the new file in place, as not yet safe against power loss.
  void write_atomically(const std::string& name, ByteView bytes, const FileAttributes& attributes) const;
  // A symbolic link made under a temporary name and renamed over `name`; folder synced.
  void link_atomically(const std::string& name, const std::string& target) const;
  void rename(const std::string& from, const std::string& to) const;  // and syncs both folders
  void remove(const std::string& name) const;                         // file or link, folder synced; not there is fine
  void remove_tree(const std::string& name) const;  // folder with all in it; never follows links; not there is fine
  void sync() const;                                // fsync of the folder itself
  void sync_file(const std::string& name) const;

 private:
  Folder(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
  std::string path_;
  int descriptor_ = -1;
};

// Whole files by path, for what a person names on the command line ("-" is stdin). Follows links and reads pipes
// (`<(pass show portal)`); folders and devices are "not-a-file", anything over `limit` is "too-large"; empty is fine.
[[nodiscard]] Bytes read_file(const std::string& path, std::size_t limit);
[[nodiscard]] SecretBytes read_secret_file(const std::string& path, std::size_t limit);

}  // namespace chancery
