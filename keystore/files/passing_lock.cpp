#include "keystore/files/passing_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <thread>
#include <utility>

#include "keystore/files/holder_line.h"

namespace chancery::files {
namespace {

using std::chrono::milliseconds;

// A holder that went away between our open and our lock has removed the name: then this is a lock on nothing.
bool is_still_named(int folder, const std::string& name, int descriptor) {
  struct stat held {};
  struct stat named {};
  return ::fstat(descriptor, &held) == 0 && ::fstatat(folder, name.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
         held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

}  // namespace

PassingLock PassingLock::take(int folder, const std::string& name, const std::string& subject,
                              const std::string& holder, milliseconds patience) {
  constexpr int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    Descriptor file(retried([&] { return ::openat(folder, name.c_str(), flags, 0600); }));
    if (!file.is_open()) throw system_failure(errno, "lock", subject);
    if (retried([&] { return ::flock(file.get(), LOCK_EX | LOCK_NB); }) == 0) {
      if (!is_still_named(folder, name, file.get())) continue;
      write_holder(file.get(), holder);
      return {folder, name, std::move(file)};
    }
    if (errno != EWOULDBLOCK) throw system_failure(errno, "lock", subject);
    if (std::chrono::steady_clock::now() >= deadline) {
      const std::string other = read_holder(file.get());
      throw Failure({.code = "busy",
                     .subject = subject,
                     .cause = other.empty() ? "somebody else is changing it" : "is being changed by " + other,
                     .hint = "wait until that has finished, then repeat the command"});
    }
    std::this_thread::sleep_for(milliseconds(10));
  }
}

PassingLock::PassingLock(PassingLock&& other) noexcept
    : folder_(other.folder_), name_(std::exchange(other.name_, {})), file_(std::move(other.file_)) {}

PassingLock& PassingLock::operator=(PassingLock&& other) noexcept {
  std::swap(folder_, other.folder_);
  std::swap(name_, other.name_);
  std::swap(file_, other.file_);
  return *this;
}

// The name goes while the lock is held: nobody else can have taken it.
PassingLock::~PassingLock() {
  if (file_.is_open() && !name_.empty()) ::unlinkat(folder_, name_.c_str(), 0);
}

}  // namespace chancery::files
