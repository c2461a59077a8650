#include "keystore/files/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>

#include "keystore/bytes/text_encoding.h"
#include "keystore/files/descriptor.h"
#include "keystore/files/pieces.h"

namespace chancery {
namespace {

using files::Descriptor;
using files::retried;

constexpr int folder_flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

std::string shown(const std::string& name) {
  std::string out;
  for (const char unit : name.substr(0, 120)) {
    out.push_back(static_cast<unsigned char>(unit) >= 0x20 && unit != 0x7f ? unit : '?');
  }
  return out;
}

void check_name(const std::string& name) {
  const auto refuse = [&](const char* cause) {
    throw Failure({.code = "bad-name",
                   .subject = shown(name),
                   .cause = cause,
                   .hint = "give a relative name inside the folder, without '..' and control characters"});
  };
  if (name.empty()) refuse("a file name is empty");
  if (name.size() > 4000) refuse("a file name is too long");
  for (const char unit : name) {
    if (static_cast<unsigned char>(unit) < 0x20 || unit == 0x7f) refuse("a file name has control characters");
  }
  std::size_t start = 0;
  while (start <= name.size()) {
    const std::size_t end = std::min(name.find('/', start), name.size());
    const std::string_view part = std::string_view(name).substr(start, end - start);
    if (part.empty()) refuse("a file name is absolute or has an empty part");
    if (part == "." || part == "..") refuse("a file name leads out of its folder");
    start = end + 1;
  }
}

Failure not_a_file(const std::string& path, const char* cause) {
  return Failure({.code = "not-a-file",
                  .subject = path,
                  .cause = cause,
                  .hint = "look at it with `ls -l`; only an ordinary file may stand there"});
}

// The folder that directly holds `name`, and the last part of `name` in it.
struct Place {
  Descriptor folder;
  std::string leaf;
  std::string path;
};

Place place_of(const Folder& base, const std::string& name) {
  check_name(name);
  const std::string path = base.path() + "/" + name;
  const std::size_t slash = name.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : name.substr(0, slash);
  Descriptor folder(retried([&] { return ::openat(base.descriptor(), parent.c_str(), folder_flags); }));
  if (!folder.is_open()) throw system_failure(errno, "open the folder of", path);
  return {std::move(folder), slash == std::string::npos ? name : name.substr(slash + 1), path};
}

void sync_descriptor(int descriptor, const std::string& path) {
  if (retried([&] { return ::fsync(descriptor); }) != 0) throw system_failure(errno, "sync", path);
}

// fchown before fchmod: a change of owner clears set-id bits, and the mode must not be open to the wrong group
// meanwhile.
void set_attributes(int descriptor, const FileAttributes& attributes, const std::string& path) {
  struct stat now {};
  if (::fstat(descriptor, &now) != 0) throw system_failure(errno, "look at", path);
  const bool owner_differs = attributes.owner && *attributes.owner != now.st_uid;
  const bool group_differs = attributes.group && *attributes.group != now.st_gid;
  if ((owner_differs || group_differs) &&
      ::fchown(descriptor, owner_differs ? *attributes.owner : static_cast<uid_t>(-1),
               group_differs ? *attributes.group : static_cast<gid_t>(-1)) != 0) {
    throw system_failure(errno, "set the owner of", path);
  }
  if (::fchmod(descriptor, attributes.mode) != 0) throw system_failure(errno, "set the mode of", path);
}

std::string temporary_name(const std::string& leaf) {
  return "." + leaf.substr(0, 200) + "." + to_hex(view_of(random_secret(8))) + ".tmp";
}

// A file or link made under a name of its own; unlinked again unless the work on it was finished.
class Unfinished {
 public:
  Unfinished(int folder, std::string leaf) : folder_(folder), leaf_(std::move(leaf)) {}
  Unfinished(const Unfinished&) = delete;
  Unfinished& operator=(const Unfinished&) = delete;
  ~Unfinished() {
    if (!leaf_.empty()) ::unlinkat(folder_, leaf_.c_str(), 0);
  }
  void finished() { leaf_.clear(); }

 private:
  int folder_;
  std::string leaf_;
};

using Pieces = std::span<const ByteView>;

void write_new(const Place& place, const std::string& leaf, Pieces pieces, const FileAttributes& attributes,
               bool synced) {
  constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  Descriptor file(retried([&] { return ::openat(place.folder.get(), leaf.c_str(), flags, 0600); }));
  if (!file.is_open()) throw system_failure(errno, "create", place.path);
  Unfinished guard(place.folder.get(), leaf);
  set_attributes(file.get(), attributes, place.path);
  for (const ByteView piece : pieces) files::write_all(file.get(), piece, place.path);
  if (synced) sync_descriptor(file.get(), place.path);
  file.close(place.path);
  guard.finished();
}

template <typename Container>
Container read_regular(const Folder& base, const std::string& name, std::size_t limit) {
  const Place place = place_of(base, name);
  // O_NONBLOCK: opening a FIFO that somebody put there must not hang.
  constexpr int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  const Descriptor file(retried([&] { return ::openat(place.folder.get(), place.leaf.c_str(), flags); }));
  if (!file.is_open()) {
    if (errno == ELOOP) throw not_a_file(place.path, "is a symbolic link");
    if (errno == ENXIO) throw not_a_file(place.path, "is not an ordinary file");
    throw system_failure(errno, "open", place.path);
  }
  struct stat now {};
  if (::fstat(file.get(), &now) != 0) throw system_failure(errno, "look at", place.path);
  if (!S_ISREG(now.st_mode)) throw not_a_file(place.path, "is not an ordinary file");
  return files::read_all<Container>(file.get(), static_cast<std::size_t>(now.st_size), limit, place.path);
}

// 0: done, or was not there; otherwise errno.
int remove_entry(int folder, const std::string& name);

int remove_contents(int folder) {
  struct Closer {
    void operator()(DIR* open) const noexcept { ::closedir(open); }
  };
  const std::unique_ptr<DIR, Closer> entries(::fdopendir(folder));
  if (!entries) {
    const int error = errno;
    ::close(folder);
    return error;
  }
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(entries.get());
    if (entry == nullptr) return errno;
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (const int error = remove_entry(::dirfd(entries.get()), name)) return error;
  }
}

int remove_entry(int folder, const std::string& name) {
  if (::unlinkat(folder, name.c_str(), 0) == 0 || errno == ENOENT) return 0;
  if (errno != EISDIR && errno != EPERM) return errno;
  const int inner = retried([&] { return ::openat(folder, name.c_str(), folder_flags | O_NOFOLLOW); });
  if (inner < 0) return errno == ENOENT ? 0 : errno;
  if (const int error = remove_contents(inner)) return error;
  if (::unlinkat(folder, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return 0;
  return errno;
}

}  // namespace

Folder::Folder(Folder&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

Folder& Folder::operator=(Folder&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

Folder::~Folder() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Folder Folder::open(const std::string& path) {
  const int number = retried([&] { return ::open(path.c_str(), folder_flags); });
  if (number < 0) throw system_failure(errno, "open the folder", path);
  return {path, number};
}

Folder Folder::create(const std::string& path, const FileAttributes& attributes) {
  if (path.empty()) throw system_failure(ENOENT, "make the folder", path);
  Folder at = Folder::open(path.front() == '/' ? "/" : ".");
  std::size_t start = 0;
  while (start < path.size()) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    const std::string part = path.substr(start, end - start);
    start = end + 1;
    if (part.empty() || part == ".") continue;
    // Parents may be links ("/var/run"); they and ".." are the caller's business, as in mkdir -p.
    int next = retried([&] { return ::openat(at.descriptor_, part.c_str(), folder_flags); });
    if (next < 0 && errno == ENOENT) {
      at.make_folder(part, attributes);
      next = retried([&] { return ::openat(at.descriptor_, part.c_str(), folder_flags | O_NOFOLLOW); });
    }
    if (next < 0) throw system_failure(errno, "open the folder", path);
    at = Folder(path.substr(0, end), next);
  }
  at.path_ = path;
  return at;
}

Folder Folder::open_folder(const std::string& name) const {
  check_name(name);
  const int number = retried([&] { return ::openat(descriptor_, name.c_str(), folder_flags | O_NOFOLLOW); });
  if (number < 0) throw system_failure(errno, "open the folder", path_ + "/" + name);
  return {path_ + "/" + name, number};
}

void Folder::make_folder(const std::string& name, const FileAttributes& attributes) const {
  check_name(name);
  for (std::size_t end = name.find('/'); end != std::string::npos; end = name.find('/', end + 1)) {
    const std::string parent = name.substr(0, end);
    if (!status(parent)) make_folder(parent, attributes);
  }
  const Place place = place_of(*this, name);
  const bool made = ::mkdirat(place.folder.get(), place.leaf.c_str(), 0700) == 0;
  if (!made && errno != EEXIST) throw system_failure(errno, "make the folder", place.path);
  const Descriptor inner(
      retried([&] { return ::openat(place.folder.get(), place.leaf.c_str(), folder_flags | O_NOFOLLOW); }));
  if (!inner.is_open()) {
    if (!made && (errno == ENOTDIR || errno == ELOOP)) throw system_failure(EEXIST, "make the folder", place.path);
    throw system_failure(errno, "open the folder", place.path);
  }
  if (made) set_attributes(inner.get(), attributes, place.path);
}

Bytes Folder::read(const std::string& name, std::size_t limit) const { return read_regular<Bytes>(*this, name, limit); }

SecretBytes Folder::read_secret(const std::string& name, std::size_t limit) const {
  return read_regular<SecretBytes>(*this, name, limit);
}

std::optional<FileStatus> Folder::status(const std::string& name) const {
  check_name(name);
  struct stat now {};
  if (::fstatat(descriptor_, name.c_str(), &now, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    throw system_failure(errno, "look at", path_ + "/" + name);
  }
  const auto kind = S_ISREG(now.st_mode)   ? FileStatus::Kind::file
                    : S_ISDIR(now.st_mode) ? FileStatus::Kind::folder
                    : S_ISLNK(now.st_mode) ? FileStatus::Kind::link
                                           : FileStatus::Kind::other;
  return FileStatus{.mode = now.st_mode & 07777U,
                    .owner = now.st_uid,
                    .group = now.st_gid,
                    .size = static_cast<std::uint64_t>(now.st_size),
                    .kind = kind,
                    .links = now.st_nlink,
                    .modified_ns = std::int64_t{now.st_mtim.tv_sec} * 1'000'000'000 + now.st_mtim.tv_nsec};
}

std::vector<std::string> Folder::list() const {
  struct Closer {
    void operator()(DIR* open) const noexcept { ::closedir(open); }
  };
  // A descriptor of its own: a duplicate would share the read position with other threads.
  Descriptor again(retried([&] { return ::openat(descriptor_, ".", folder_flags); }));
  if (!again.is_open()) throw system_failure(errno, "list the folder", path_);
  const std::unique_ptr<DIR, Closer> entries(::fdopendir(again.get()));
  if (!entries) throw system_failure(errno, "list the folder", path_);
  again.release();
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(entries.get());
    if (entry == nullptr) break;
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  if (errno != 0) throw system_failure(errno, "list the folder", path_);
  std::sort(names.begin(), names.end());
  return names;
}

std::string Folder::read_link(const std::string& name) const {
  check_name(name);
  char target[4096];
  const ssize_t size = ::readlinkat(descriptor_, name.c_str(), target, sizeof target);
  if (size < 0) throw system_failure(errno, "read the link", path_ + "/" + name);
  return {target, static_cast<std::size_t>(size)};
}

void Folder::create_file(const std::string& name, ByteView bytes, const FileAttributes& attributes) const {
  const Place place = place_of(*this, name);
  write_new(place, place.leaf, Pieces(&bytes, 1), attributes, false);
}

void Folder::write_atomically(const std::string& name, ByteView bytes, const FileAttributes& attributes) const {
  chancery::write_atomically(*this, name, Pieces(&bytes, 1), attributes);
}

void write_atomically(const Folder& folder, const std::string& name, std::span<const ByteView> pieces,
                      const FileAttributes& attributes, const std::function<void()>& last_look) {
  const Place place = place_of(folder, name);
  struct stat now {};
  if (::fstatat(place.folder.get(), place.leaf.c_str(), &now, AT_SYMLINK_NOFOLLOW) == 0) {
    if (!S_ISREG(now.st_mode)) throw not_a_file(place.path, "stands in the way and is not an ordinary file");
  } else if (errno != ENOENT) {
    throw system_failure(errno, "look at", place.path);
  }
  const std::string temporary = temporary_name(place.leaf);
  write_new(place, temporary, pieces, attributes, true);
  Unfinished guard(place.folder.get(), temporary);
  if (last_look) last_look();
  if (::renameat(place.folder.get(), temporary.c_str(), place.folder.get(), place.leaf.c_str()) != 0) {
    throw system_failure(errno, "replace", place.path);
  }
  guard.finished();
  sync_descriptor(place.folder.get(), place.path);
}

void Folder::link_atomically(const std::string& name, const std::string& target) const {
  const Place place = place_of(*this, name);
  const std::string temporary = temporary_name(place.leaf);
  if (::symlinkat(target.c_str(), place.folder.get(), temporary.c_str()) != 0) {
    throw system_failure(errno, "make the link", place.path);
  }
  Unfinished guard(place.folder.get(), temporary);
  if (::renameat(place.folder.get(), temporary.c_str(), place.folder.get(), place.leaf.c_str()) != 0) {
    throw system_failure(errno, "replace the link", place.path);
  }
  guard.finished();
  sync_descriptor(place.folder.get(), place.path);
}

void Folder::rename(const std::string& from, const std::string& to) const {
  const Place source = place_of(*this, from);
  const Place target = place_of(*this, to);
  if (::renameat(source.folder.get(), source.leaf.c_str(), target.folder.get(), target.leaf.c_str()) != 0) {
    throw system_failure(errno, "rename to " + to, source.path);
  }
  sync_descriptor(target.folder.get(), target.path);
  if (from.rfind('/') != to.rfind('/') || from.substr(0, from.rfind('/') + 1) != to.substr(0, to.rfind('/') + 1)) {
    sync_descriptor(source.folder.get(), source.path);
  }
}

void Folder::remove(const std::string& name) const {
  check_name(name);
  if (!status(name)) return;
  const Place place = place_of(*this, name);
  if (::unlinkat(place.folder.get(), place.leaf.c_str(), 0) != 0) {
    if (errno == ENOENT) return;
    throw system_failure(errno, "remove", place.path);
  }
  sync_descriptor(place.folder.get(), place.path);
}

void Folder::remove_tree(const std::string& name) const {
  check_name(name);
  if (!status(name)) return;
  const Place place = place_of(*this, name);
  if (const int error = remove_entry(place.folder.get(), place.leaf)) {
    throw system_failure(error, "remove the folder", place.path);
  }
  sync_descriptor(place.folder.get(), place.path);
}

void Folder::sync() const { sync_descriptor(descriptor_, path_); }

void Folder::sync_file(const std::string& name) const {
  const Place place = place_of(*this, name);
  constexpr int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
  const Descriptor file(retried([&] { return ::openat(place.folder.get(), place.leaf.c_str(), flags); }));
  if (!file.is_open()) throw system_failure(errno, "open", place.path);
  sync_descriptor(file.get(), place.path);
}

}  // namespace chancery
