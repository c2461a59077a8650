#include "backup/generations/staging.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "backup/generations/manifest.h"
#include "keystore/fault.h"

namespace chancery::backup {
namespace {

// Below this a shared extent costs the file system more than the bytes do.
constexpr std::uint64_t kWorthCloning = 64u << 10;

class NewFileDescriptor {
 public:
  NewFileDescriptor(const Folder& folder, const std::string& name)
      : path_(folder.path() + "/" + name),
        descriptor_(::openat(folder.descriptor(), name.c_str(), O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC,
                             S_IRUSR | S_IWUSR)) {
    if (descriptor_ < 0) {
      throw system_failure(errno, "create", path_);
    }
  }
  NewFileDescriptor(const NewFileDescriptor&) = delete;
  NewFileDescriptor& operator=(const NewFileDescriptor&) = delete;
  ~NewFileDescriptor() { ::close(descriptor_); }

  int get() const noexcept { return descriptor_; }

  void write(ByteView bytes) const {
    while (!bytes.empty()) {
      const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) {
        continue;
      }
      if (written <= 0) {
        throw system_failure(written == 0 ? ENOSPC : errno, "write", path_);
      }
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
  }

  // Owner before mode: chown clears the set-id bits, and a mode must not apply to the wrong owner for a moment.
  FileAttributes set(const FileAttributes& wanted) const {
    struct ::stat now {};
    if (::fstat(descriptor_, &now) != 0) {
      throw system_failure(errno, "look at", path_);
    }
    const uid_t owner = wanted.owner.value_or(now.st_uid);
    const gid_t group = wanted.group.value_or(now.st_gid);
    if ((owner != now.st_uid || group != now.st_gid) && ::fchown(descriptor_, owner, group) != 0) {
      throw system_failure(errno, "change the owner of", path_);
    }
    if (wanted.mode != (now.st_mode & 07777) && ::fchmod(descriptor_, wanted.mode) != 0) {
      throw system_failure(errno, "change the mode of", path_);
    }
    return {.mode = wanted.mode, .owner = owner, .group = group};
  }

 private:
  std::string path_;
  int descriptor_;
};

bool clone(const Folder& from, const std::string& path, const NewFileDescriptor& to) {
  const int source = ::openat(from.descriptor(), path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (source < 0) {
    return false;  // the reading that follows says why
  }
  const bool cloned = ::ioctl(to.get(), FICLONE, source) == 0;
  ::close(source);
  return cloned;
}

}  // namespace

Staging::Staging(const Folder& generations, GenerationNumber number, const FolderAttributes& attributes)
    : generations_(generations), attributes_(attributes), name_(folder_name(number)) {
  if (generations_.status(name_)) {
    throw Failure({.code = "already-exists",
                   .subject = generations_.path() + "/" + name_,
                   .cause = "something of this name is in the way of a new generation",
                   .hint = "look at it, move it away, and try again"});
  }
  try {
    generations_.make_folder(name_, attributes_(""));
    folders_.emplace("", generations_.open_folder(name_));
  } catch (...) {
    remove_again();  // no destructor runs for an object that was never complete
    throw;
  }
}

Staging::~Staging() {
  if (!finished_) {
    folders_.clear();
    remove_again();
  }
}

void Staging::remove_again() const noexcept {
  try {
    generations_.remove_tree(name_);
  } catch (const std::exception&) {  // a broken disk or no descriptors: `sweep` removes it later
  }
}

const Folder& Staging::folder(const std::string& path) {
  const auto known = folders_.find(path);
  if (known != folders_.end()) {
    return known->second;
  }
  const std::size_t slash = path.rfind('/');
  const Folder& above = folder(slash == std::string::npos ? "" : path.substr(0, slash));
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  above.make_folder(name, attributes_(path));
  return folders_.emplace(path, above.open_folder(name)).first->second;
}

Staging::Target Staging::target(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const Folder& above = folder(slash == std::string::npos ? "" : path.substr(0, slash));
  std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  return {above, std::move(name)};
}

ManifestFile Staging::create(const std::string& path, ByteView bytes, const FileAttributes& attributes) {
  const Target at = target(path);
  const NewFileDescriptor file(at.folder, at.name);
  const FileAttributes made = file.set(attributes);
  file.write(bytes);
  return {.sha256 = sha256_hex(bytes), .size = bytes.size(), .attributes = made};
}

ManifestFile Staging::copy(const Folder& from, const std::string& path, const FileAttributes& attributes) {
  // A clone is hashed after it was made and plain bytes before they are written, so that the hash is always of what the
  // new generation holds, even while somebody edits the old file.
  const std::optional<FileStatus> status = can_clone_ ? from.status(path) : std::nullopt;
  if (status && status->kind == FileStatus::Kind::file && status->size >= kWorthCloning) {
    const Target at = target(path);
    const NewFileDescriptor file(at.folder, at.name);
    const FileAttributes made = file.set(attributes);
    if (clone(from, path, file)) {
      const SecretBytes bytes = at.folder.read_secret(at.name, kMaximumFile);
      return {.sha256 = sha256_hex(view_of(bytes)), .size = bytes.size(), .attributes = made};
    }
    can_clone_ = false;  // this file system has none: not asked again
    const SecretBytes bytes = from.read_secret(path, kMaximumFile);
    file.write(view_of(bytes));
    return {.sha256 = sha256_hex(view_of(bytes)), .size = bytes.size(), .attributes = made};
  }
  return create(path, view_of(from.read_secret(path, kMaximumFile)), attributes);
}

// Measured on ext4 with 60 files in 11 folders, median (worst) in ms:
//                                                      quiet machine   beside 200 MiB of   12 others busy
//                                                                      others' dirty data  on 2 cores
//   fsync of each file and folder                      14.2            30.5 (71)            9.9 (457)
//   the same with 4 or 8 threads                        6.6            20.9 (22)           25.5 (158)
//   writing started at creation, then fsync of each     5.4            24.3 (26)            5.9 (171)
//   one syncfs                                          1.2            24.8 (81)            1.4 (34)
// What costs is not the disk but 70 waits, each of which gives up the processor; a whole stage on the busy machine took
// 540 ms that way. syncfs waits once. Its price: it writes back what others have dirty on the file system too (they pay
// that in an fsync on ext4 as well), and an error in it names the generation, not the file. Since Linux 5.8 it reports
// every write-back error of the file system since the descriptor was opened, so none of ours is missed.
void Staging::sync_all() const {
  if (::syncfs(folders_.at("").descriptor()) != 0) {
    throw system_failure(errno, "sync", folders_.at("").path());
  }
}

void Staging::finish(const std::string& manifest) {
  sync_all();
  folder("").write_atomically(kManifestName, view_of(manifest), {.mode = 0644});
  finished_ = true;
}

}  // namespace chancery::backup
