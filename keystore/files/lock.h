// A kernel lock (flock) on a file. It dies with its holder, so it is never stale.
//
//   if (auto lock = FileLock::try_take(path, "chancery cert replace (pid 4711)")) { … }
//
// The holder's line is written into the file so that the second one can be told who holds it; the line is advice, the
// lock is the truth. Thread safety: a lock object belongs to one thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace chancery {

class FileLock {
 public:
  [[nodiscard]] static std::optional<FileLock> try_take(const std::string& path, const std::string& holder);
  // Waits up to `patience`; then Failure("busy") that names the holder.
  [[nodiscard]] static FileLock take(const std::string& path, const std::string& holder,
                                     std::chrono::milliseconds patience);
  // True when somebody holds it now. Takes nothing.
  [[nodiscard]] static bool is_held(const std::string& path);
  [[nodiscard]] static std::string holder(const std::string& path);

  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock();

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

}  // namespace chancery
