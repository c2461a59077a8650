// A Unix socket's address by path, of any length: the folder is held open and the name is given relative to it through
// /proc/self/fd, since an address has room for 107 bytes only. Internal to appliance/control.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <string>

#include "keystore/files/descriptor.h"

namespace chancery::control {

class SocketPath {
 public:
  explicit SocketPath(const std::string& path);  // Failure("not-found", …) when the folder cannot be opened
  const std::string& path() const noexcept { return path_; }
  const std::string& name() const noexcept { return name_; }
  int folder() const noexcept { return folder_.get(); }

  struct Address {
    sockaddr_un bytes{};
    socklen_t size = 0;
    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&bytes); }
  };
  // Of `name` in the same folder. Valid while this object lives.
  [[nodiscard]] Address address(const std::string& name) const;

 private:
  std::string path_;
  std::string name_;
  files::Descriptor folder_;
};

}  // namespace chancery::control
