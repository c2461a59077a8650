#include "keystore/files/lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <thread>
#include <utility>

#include "keystore/files/holder_line.h"

namespace chancery {
namespace {

using files::Descriptor;
using files::retried;
using std::chrono::milliseconds;

bool lock_now(int descriptor, int kind, const std::string& path) {
  if (retried([&] { return ::flock(descriptor, kind | LOCK_NB); }) == 0) return true;
  if (errno == EWOULDBLOCK) return false;
  throw system_failure(errno, "lock", path);
}

}  // namespace

std::optional<FileLock> FileLock::try_take(const std::string& path, const std::string& holder) {
  constexpr int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  Descriptor file(retried([&] { return ::open(path.c_str(), flags, 0600); }));
  if (!file.is_open()) throw system_failure(errno, "open the lock", path);
  // is_held() of another process holds a shared lock for some microseconds; one refusal is not yet an answer.
  bool taken = false;
  for (int attempt = 0; attempt < 4 && !taken; ++attempt) {
    if (attempt > 0) std::this_thread::sleep_for(milliseconds(attempt));
    taken = lock_now(file.get(), LOCK_EX, path);
  }
  if (!taken) return std::nullopt;
  files::write_holder(file.get(), holder);
  return FileLock(file.release());
}

FileLock FileLock::take(const std::string& path, const std::string& holder, milliseconds patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  for (;;) {
    if (auto lock = try_take(path, holder)) return std::move(*lock);
    if (std::chrono::steady_clock::now() >= deadline) break;
    std::this_thread::sleep_for(milliseconds(10));
  }
  const std::string other = FileLock::holder(path);
  throw Failure({.code = "busy",
                 .subject = path,
                 .cause = other.empty() ? "somebody else is at work" : "held by " + other,
                 .hint = "wait until it has finished, then repeat the command"});
}

bool FileLock::is_held(const std::string& path) {
  const Descriptor file(retried([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK); }));
  if (!file.is_open()) {
    if (errno == ENOENT) return false;
    throw system_failure(errno, "open the lock", path);
  }
  return !lock_now(file.get(), LOCK_SH, path);
}

std::string FileLock::holder(const std::string& path) {
  const Descriptor file(retried([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK); }));
  return file.is_open() ? files::read_holder(file.get()) : "";
}

FileLock::FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace chancery
