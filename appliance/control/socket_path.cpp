#include "appliance/control/socket_path.h"

#include <fcntl.h>

#include <cstring>

namespace chancery::control {
namespace {

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

SocketPath::SocketPath(const std::string& path)
    : path_(path),
      name_(path.substr(path.rfind('/') + 1)),
      folder_(::open(folder_of(path).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {
  if (!folder_.is_open()) throw system_failure(errno, "open the folder of", path);
}

SocketPath::Address SocketPath::address(const std::string& name) const {
  const std::string text = "/proc/self/fd/" + std::to_string(folder_.get()) + "/" + name;
  Address address;
  address.bytes.sun_family = AF_UNIX;
  if (name.empty() || text.size() >= sizeof(address.bytes.sun_path)) {
    throw Failure({.code = "bad-name",
                   .subject = path_,
                   .cause = "the name of this socket is empty or too long",
                   .hint = "use a name of at most 60 bytes"});
  }
  std::memcpy(address.bytes.sun_path, text.c_str(), text.size() + 1);
  address.size = static_cast<socklen_t>(sizeof(address.bytes));
  return address;
}

}  // namespace chancery::control
