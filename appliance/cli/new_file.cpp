#include "appliance/cli/new_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "keystore/fault.h"

namespace chancery::cli {

NewFile::NewFile(std::string path) : path_(std::move(path)) {
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (descriptor_ < 0) throw system_failure(errno, "create", path_);
}

NewFile::~NewFile() {
  ::close(descriptor_);
  if (!kept_) ::unlink(path_.c_str());
}

void NewFile::keep(ByteView bytes) {
  kept_ = true;  // from here on what it tells of is made: half a file is better than none
  for (ByteView rest = bytes; !rest.empty();) {
    const ssize_t count = ::write(descriptor_, rest.data(), rest.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw system_failure(errno, "write", path_);
    rest = rest.subspan(static_cast<std::size_t>(count));
  }
  if (::fsync(descriptor_) != 0) throw system_failure(errno, "sync", path_);
}

}  // namespace chancery::cli
