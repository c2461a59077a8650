#include "keystore/files/store_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <future>
#include <span>
#include <utility>

#include "keystore/bytes/ahead.h"
#include "keystore/files/descriptor.h"
#include "keystore/files/passing_lock.h"
#include "keystore/files/read_lease.h"
#include "keystore/openssl/digest.h"

namespace chancery {
namespace {

using files::Descriptor;
using files::retried;

// Below it reading is as quick, and what is read does not hold others off after this object is gone.
constexpr std::size_t worth_mapping = 256 * 1024;
constexpr int read_flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW;

Failure not_a_file(const std::string& path, const char* cause) {
  return Failure({.code = "not-a-file",
                  .subject = path,
                  .cause = cause,
                  .hint = "give the path of an ordinary file; `ls -l` shows what stands there"});
}

Failure foreign_changed(const std::string& path, const char* cause) {
  return Failure({.code = "foreign-changed",
                  .subject = path,
                  .cause = cause,
                  .hint = "nothing was written; look at what the other one did, then repeat the command"});
}

Failure mounted(const std::string& path) {
  return Failure({.code = "not-a-file",
                  .subject = path,
                  .cause = "is mounted there (a container's bind mount?) and cannot be replaced by a rename",
                  .hint = "change the file that is mounted, or mount its folder instead"});
}

// Folder and name of what shall be replaced: absolute, every link followed, the file itself present or not.
std::string resolved(const std::string& path) {
  std::array<char, PATH_MAX> buffer{};
  if (::realpath(path.c_str(), buffer.data()) != nullptr) return buffer.data();
  if (errno != ENOENT) throw system_failure(errno, "look at", path);
  struct stat now {};
  if (::lstat(path.c_str(), &now) == 0) {
    throw not_a_file(path, "is a symbolic link to nothing");
  }
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  if (name.empty()) throw not_a_file(path, "is no file name");
  if (::realpath(folder.c_str(), buffer.data()) == nullptr) {
    throw system_failure(errno, "open the folder of", path);
  }
  const std::string absolute = buffer.data();
  return (absolute == "/" ? "" : absolute) + "/" + name;
}

// Extended attributes are copied where they decide who may read (ACLs) or are the owner's own. What the system keeps
// for itself (security.*, trusted.*) is set where we may and otherwise left to it.
void copy_extended_attributes(int from, int to, const std::string& path) {
  const ssize_t size = ::flistxattr(from, nullptr, 0);
  if (size <= 0) return;  // none, or a file system without them
  std::string names(static_cast<std::size_t>(size), '\0');
  const ssize_t got = ::flistxattr(from, names.data(), names.size());
  if (got < 0) throw system_failure(errno, "read the attributes of", path);
  names.resize(static_cast<std::size_t>(got));
  for (std::size_t at = 0; at < names.size();) {
    const std::string name(names.c_str() + at);
    at += name.size() + 1;
    std::array<char, 65536> value{};  // XATTR_SIZE_MAX
    const ssize_t length = ::fgetxattr(from, name.c_str(), value.data(), value.size());
    if (length < 0) continue;
    if (::fsetxattr(to, name.c_str(), value.data(), static_cast<std::size_t>(length), 0) == 0) continue;
    const bool matters = name.starts_with("system.posix_acl") || name.starts_with("user.");
    if (matters) throw system_failure(errno, "keep the attribute " + name + " of", path);
  }
}

void set_owner_and_mode(int descriptor, const FileAttributes& wanted, const std::string& path) {
  struct stat now {};
  if (::fstat(descriptor, &now) != 0) throw system_failure(errno, "look at", path);
  const bool owner_differs = wanted.owner && *wanted.owner != now.st_uid;
  const bool group_differs = wanted.group && *wanted.group != now.st_gid;
  // The owner first: changing it clears bits of the mode.
  if ((owner_differs || group_differs) && ::fchown(descriptor, owner_differs ? *wanted.owner : static_cast<uid_t>(-1),
                                                   group_differs ? *wanted.group : static_cast<gid_t>(-1)) != 0) {
    throw Failure({.code = "permission-denied",
                   .subject = path,
                   .cause = "its owner and group could not be kept",
                   .hint = "run the command as root or as the owner of the file"});
  }
  if (::fchmod(descriptor, wanted.mode) != 0) throw system_failure(errno, "set the mode of", path);
}

// Takes `bytes` off the front of what the pieces from `at` on hold; false where they differ.
bool take_same(std::span<const ByteView>& left, std::size_t& at, ByteView bytes) {
  while (!bytes.empty()) {
    if (left.empty()) return false;
    const ByteView here = left.front().subspan(at, std::min(bytes.size(), left.front().size() - at));
    if (!here.empty() && std::memcmp(here.data(), bytes.data(), here.size()) != 0) return false;
    bytes = bytes.subspan(here.size());
    at += here.size();
    if (at < left.front().size()) continue;
    left = left.subspan(1);
    at = 0;
  }
  return true;
}

// Compared where it was read to, which stays in the processor's own memory: nothing is held twice.
bool holds_between(int descriptor, std::span<const ByteView> pieces, std::size_t begin, std::size_t end,
                   const std::string& path) {
  std::array<std::uint8_t, 65536> read;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  struct Wipe {
    std::array<std::uint8_t, 65536>& bytes;
    ~Wipe() { wipe(bytes.data(), bytes.size()); }
  } wiped{read};
  std::size_t at = begin;  // in the first piece that is left
  for (; !pieces.empty() && at >= pieces.front().size(); pieces = pieces.subspan(1)) at -= pieces.front().size();
  while (begin < end) {
    const std::size_t wanted = std::min(read.size(), end - begin);
    const ssize_t count = retried([&] { return ::pread(descriptor, read.data(), wanted, static_cast<off_t>(begin)); });
    if (count < 0) throw system_failure(errno, "read", path);
    if (count == 0) return false;
    if (!take_same(pieces, at, ByteView(read).first(static_cast<std::size_t>(count)))) return false;
    begin += static_cast<std::size_t>(count);
  }
  return true;
}

// True when the file behind the descriptor holds exactly these pieces. Half of a large one is compared by another processor.
bool holds(int descriptor, std::span<const ByteView> pieces, const std::string& path) {
  struct stat now {};
  if (::fstat(descriptor, &now) != 0) throw system_failure(errno, "look at", path);
  std::size_t size = 0;
  for (const ByteView piece : pieces) size += piece.size();
  if (static_cast<std::size_t>(now.st_size) != size) return false;
  const std::size_t half = size / 2;
  std::future<bool> rest = ahead(size, [=, &path] { return holds_between(descriptor, pieces, half, size, path); });
  return holds_between(descriptor, pieces, 0, half, path) && rest.get();
}

// The new file beside the old one; unlinked again unless it was renamed.
class Draft {
 public:
  Draft(int folder, std::string name) : folder_(folder), name_(std::move(name)) {}
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;
  ~Draft() {
    if (!name_.empty()) ::unlinkat(folder_, name_.c_str(), 0);
  }
  const std::string& name() const noexcept { return name_; }
  void in_place() { name_.clear(); }

 private:
  int folder_;
  std::string name_;
};

}  // namespace

struct StoreFile::State {
  std::string path;
  std::string name;
  Descriptor folder{-1};
  std::optional<files::PassingLock> lock;
  StoreFileOptions options;
  bool exists = false;
  struct stat status {};
  Descriptor leased{-1};          // the file that was read, where nobody can write to it unnoticed
  mutable FileContents contents;  // as read, or as written since
  mutable std::string sha256;

  ByteView whole() const {
    if (contents.pieces.size() > 1) contents = FileContents::of(joined(contents.pieces));
    return contents.pieces.empty() ? ByteView() : contents.pieces.front();
  }

  std::string draft_name() const { return "." + name.substr(0, 200) + ".chancery-new"; }

  Descriptor open_present() const {
    return Descriptor(retried([&] { return ::openat(folder.get(), name.c_str(), read_flags); }));
  }

  void read() {
    Descriptor file = open_present();
    exists = file.is_open();
    if (!exists) {
      if (errno == ENOENT) return;
      if (errno == ENXIO) throw not_a_file(path, "is not an ordinary file");
      throw system_failure(errno, "open", path);
    }
    // First the lease: what is seen after it stays so.
    const bool is_leased = options.hold_off_writers && files::take_read_lease(file.get());
    if (::fstat(file.get(), &status) != 0) throw system_failure(errno, "look at", path);
    if (S_ISDIR(status.st_mode)) throw not_a_file(path, "is a folder");
    if (!S_ISREG(status.st_mode)) throw not_a_file(path, "is not an ordinary file");
    const auto size = static_cast<std::size_t>(status.st_size);
    files::FileBytes mapped;
    if (is_leased && size >= worth_mapping && size <= options.limit) mapped = files::mapped(file.get(), size);
    contents = mapped.owner ? FileContents{.pieces = {mapped.bytes}, .owner = std::move(mapped.owner)}
                            : FileContents::of(files::read_all<SecretBytes>(file.get(), size, options.limit, path));
    if (is_leased) leased = std::move(file);
  }

  void expect_no_other_names() const {
    if (!exists || status.st_nlink < 2 || options.part_hard_links) return;
    throw Failure({.code = "hard-linked",
                   .subject = path,
                   .cause = "has " + std::to_string(status.st_nlink - 1) +
                            " more name(s) (hard links), which would go on naming the old contents",
                   .hint = "use a symbolic link instead, or accept that they part with --part-hard-links"});
  }

  void expect_unchanged() const {
    const Descriptor file = open_present();
    if (!file.is_open()) {
      if (errno != ENOENT && errno != ELOOP) throw system_failure(errno, "open", path);
      if (errno == ENOENT && !exists) return;
      throw foreign_changed(path, "was removed by somebody else meanwhile");
    }
    if (!exists) throw foreign_changed(path, "was made by somebody else meanwhile");
    struct stat now {};
    if (::fstat(file.get(), &now) != 0) throw system_failure(errno, "look at", path);
    if (now.st_ino != status.st_ino || now.st_dev != status.st_dev ||
        (!leased.is_open() && !holds(file.get(), contents.pieces, path))) {
      throw foreign_changed(path, "was changed by somebody else meanwhile");
    }
    // Their new rights are theirs to give: what we would put in place has the old ones.
    if (now.st_mode != status.st_mode || now.st_uid != status.st_uid || now.st_gid != status.st_gid) {
      throw foreign_changed(path, "got another owner or mode meanwhile");
    }
    // Whoever has opened it is about to write, if to a file that is no longer the one: what they write is not to be
    // lost.
    if (leased.is_open() && !files::has_read_lease(leased.get())) {
      throw foreign_changed(path, "was opened for writing by somebody else meanwhile");
    }
  }

  void write_draft(const Draft& draft, const FileContents& wanted, const FileAttributes& attributes) const {
    constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    // Under the lock: one that lies there was left behind by a killed process.
    ::unlinkat(folder.get(), draft.name().c_str(), 0);
    Descriptor file(retried([&] { return ::openat(folder.get(), draft.name().c_str(), flags, 0600); }));
    if (!file.is_open()) throw system_failure(errno, "write beside", path);
    // Rights before contents: nobody sees a key who may not.
    set_owner_and_mode(file.get(), attributes, path);
    if (exists) {
      const Descriptor present = open_present();
      if (present.is_open()) copy_extended_attributes(present.get(), file.get(), path);
    }
    for (const ByteView piece : wanted.pieces) files::write_all(file.get(), piece, path);
    if (retried([&] { return ::fsync(file.get()); }) != 0) throw system_failure(errno, "sync", path);
    file.close(path);
  }

  void prove_draft(const Draft& draft, const FileContents& wanted) const {
    const Descriptor file(retried([&] { return ::openat(folder.get(), draft.name().c_str(), read_flags); }));
    if (!file.is_open()) throw system_failure(errno, "read back", path);
    if (!holds(file.get(), wanted.pieces, path)) {
      throw Failure({.code = "io-error",
                     .subject = path,
                     .cause = "what was written does not read back the same",
                     .hint = "check the disk and the kernel log (`dmesg`); the file is as it was"});
    }
  }
};

FileContents FileContents::of(SecretBytes bytes) {
  const auto kept = std::make_shared<const SecretBytes>(std::move(bytes));
  return {.pieces = {view_of(*kept)}, .owner = kept};
}

StoreFile::StoreFile(std::unique_ptr<State> state) : state_(std::move(state)) {}
StoreFile::StoreFile(StoreFile&&) noexcept = default;
StoreFile& StoreFile::operator=(StoreFile&&) noexcept = default;
StoreFile::~StoreFile() = default;

StoreFile StoreFile::open(const std::string& path, const StoreFileOptions& options) {
  auto state = std::make_unique<State>();
  state->path = resolved(path);
  state->options = options;
  const std::size_t slash = state->path.rfind('/');
  const std::string folder = slash == 0 ? "/" : state->path.substr(0, slash);
  state->name = state->path.substr(slash + 1);
  struct stat now {};
  // Before the lock: beside a device or a FIFO nothing is to be made, not even a lock.
  if (::lstat(state->path.c_str(), &now) == 0) {
    if (S_ISDIR(now.st_mode)) throw not_a_file(state->path, "is a folder");
    if (!S_ISREG(now.st_mode)) throw not_a_file(state->path, "is not an ordinary file");
  }
  state->folder = Descriptor(retried([&] { return ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (!state->folder.is_open()) throw system_failure(errno, "open the folder of", state->path);
  const std::string lock_name = "." + state->name.substr(0, 200) + ".lock";
  state->lock = files::PassingLock::take(state->folder.get(), lock_name, state->path, options.holder, options.patience);
  state->read();
  state->expect_no_other_names();
  return StoreFile(std::move(state));
}

bool StoreFile::exists() const noexcept { return state_->exists; }
ByteView StoreFile::bytes() const { return state_->whole(); }
std::shared_ptr<const void> StoreFile::owner() const {
  static_cast<void>(state_->whole());
  return state_->contents.owner;
}
const std::string& StoreFile::path() const noexcept { return state_->path; }

const std::string& StoreFile::sha256() const {
  if (state_->exists && state_->sha256.empty()) state_->sha256 = sha256_hex(bytes());
  return state_->sha256;
}

std::optional<FileAttributes> StoreFile::attributes() const {
  if (!state_->exists) return std::nullopt;
  return FileAttributes{
      .mode = state_->status.st_mode & 07777U, .owner = state_->status.st_uid, .group = state_->status.st_gid};
}

void StoreFile::expect_unchanged() const { state_->expect_unchanged(); }

void StoreFile::replace(SecretBytes bytes, const Accept& accept, const FileAttributes& fresh) {
  FileContents contents = FileContents::of(std::move(bytes));
  const ByteView whole = contents.pieces.front();
  replace(
      std::move(contents),
      [&] {
        if (accept) accept(whole);
      },
      fresh);
}

void StoreFile::replace(FileContents contents, const std::function<void()>& accept, const FileAttributes& fresh) {
  State& state = *state_;
  state.expect_no_other_names();
  Draft draft(state.folder.get(), state.draft_name());
  state.write_draft(draft, contents, attributes().value_or(fresh));
  state.prove_draft(draft, contents);
  // What was read where it lies counts as long as nobody else has had it: `accept` may believe what came of it.
  if (state.leased.is_open()) state.expect_unchanged();
  accept();
  struct stat drafted {};
  if (::fstatat(state.folder.get(), draft.name().c_str(), &drafted, AT_SYMLINK_NOFOLLOW) != 0) {
    throw system_failure(errno, "look at the new file beside", state.path);
  }
  state.expect_unchanged();
  if (state.exists) {
    if (::renameat(state.folder.get(), draft.name().c_str(), state.folder.get(), state.name.c_str()) != 0) {
      if (errno == EBUSY) throw mounted(state.path);
      throw system_failure(errno, "put in place", state.path);
    }
  } else if (::renameat2(state.folder.get(), draft.name().c_str(), state.folder.get(), state.name.c_str(),
                         RENAME_NOREPLACE) != 0) {
    // Not every file system knows the flag; the look a moment ago has to do there.
    if (errno == EEXIST) throw foreign_changed(state.path, "was made by somebody else meanwhile");
    if (errno != EINVAL && errno != ENOSYS) throw system_failure(errno, "put in place", state.path);
    if (::renameat(state.folder.get(), draft.name().c_str(), state.folder.get(), state.name.c_str()) != 0) {
      throw system_failure(errno, "put in place", state.path);
    }
  }
  draft.in_place();
  state.leased = Descriptor(-1);
  state.exists = true;
  state.contents = std::move(contents);
  state.sha256.clear();
  state.status = drafted;
  if (retried([&] { return ::fsync(state.folder.get()); }) != 0) {
    const Failure failure = system_failure(errno, "sync the folder of", state.path);
    throw Failure({.code = failure.code(),
                   .subject = state.path,
                   .cause = "the new file is in place, but " + failure.cause(),
                   .hint = "it may be lost with a power failure: " + failure.hint(),
                   .needs_person = true});
  }
}

}  // namespace chancery
