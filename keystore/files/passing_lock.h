// A lock file that is there only while somebody holds it: for folders that are not ours, where none may stay behind.
//
//   PassingLock lock = PassingLock::take(folder, ".cacerts.lock", "/etc/ssl/certs/java/cacerts", "chancery …", patience);
//
// An flock like FileLock's (lock.h), which dies with its holder; a file that a killed holder left is taken over. Internal
// to keystore/files.
#pragma once

#include <chrono>
#include <string>

#include "keystore/files/descriptor.h"

namespace chancery::files {

class PassingLock {
 public:
  // `folder` must stay open as long as the lock. Failure("busy") about `subject` that names the holder.
  [[nodiscard]] static PassingLock take(int folder, const std::string& name, const std::string& subject,
                                        const std::string& holder, std::chrono::milliseconds patience);
  PassingLock(PassingLock&& other) noexcept;
  PassingLock& operator=(PassingLock&& other) noexcept;
  ~PassingLock();

 private:
  PassingLock(int folder, std::string name, Descriptor file)
      : folder_(folder), name_(std::move(name)), file_(std::move(file)) {}
  int folder_;
  std::string name_;
  Descriptor file_;
};

}  // namespace chancery::files
