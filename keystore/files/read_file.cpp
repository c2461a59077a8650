#include <fcntl.h>
#include <sys/stat.h>

#include "keystore/files/descriptor.h"
#include "keystore/files/folder.h"

namespace chancery {
namespace files {

void write_all(int descriptor, ByteView bytes, const std::string& path) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = retried([&] { return ::write(descriptor, bytes.data() + done, bytes.size() - done); });
    if (count < 0) throw system_failure(errno, "write", path);
    // A write of nothing without an error would loop for ever on a broken file system.
    if (count == 0) throw system_failure(EIO, "write", path);
    done += static_cast<std::size_t>(count);
  }
}

}  // namespace files

namespace {

Failure not_readable(const std::string& path, const char* cause) {
  return Failure({.code = "not-a-file",
                  .subject = path,
                  .cause = cause,
                  .hint = "give the path of an ordinary file, or - for standard input"});
}

template <typename Container>
Container read_named(const std::string& path, std::size_t limit) {
  if (path == "-") return files::read_all<Container>(STDIN_FILENO, 4096, limit, "standard input");
  struct stat now {};
  if (::stat(path.c_str(), &now) != 0) throw system_failure(errno, "open", path);
  if (S_ISDIR(now.st_mode)) throw not_readable(path, "is a folder");
  // A pipe is welcome: `--passphrase-file <(pass show portal)`.
  if (!S_ISREG(now.st_mode) && !S_ISFIFO(now.st_mode)) throw not_readable(path, "is not an ordinary file");
  const files::Descriptor file(files::retried([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY); }));
  if (!file.is_open()) throw system_failure(errno, "open", path);
  if (::fstat(file.get(), &now) != 0) throw system_failure(errno, "look at", path);
  if (!S_ISREG(now.st_mode) && !S_ISFIFO(now.st_mode)) throw not_readable(path, "is not an ordinary file");
  return files::read_all<Container>(file.get(), static_cast<std::size_t>(now.st_size), limit, path);
}

}  // namespace

Bytes read_file(const std::string& path, std::size_t limit) { return read_named<Bytes>(path, limit); }

SecretBytes read_secret_file(const std::string& path, std::size_t limit) {
  return read_named<SecretBytes>(path, limit);
}

}  // namespace chancery
