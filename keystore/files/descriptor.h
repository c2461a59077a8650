// A file descriptor that closes itself, and whole reads and writes on it. Internal to keystore/files.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "keystore/bytes/bytes.h"
#include "keystore/bytes/large_memory.h"
#include "keystore/fault.h"

namespace chancery::files {

class Descriptor {
 public:
  explicit Descriptor(int number) noexcept : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }

  int get() const noexcept { return number_; }
  int release() noexcept { return std::exchange(number_, -1); }
  bool is_open() const noexcept { return number_ >= 0; }
  // Closes and tells: a file system may report a failed write only here.
  void close(const std::string& path) {
    const int number = release();
    // EINTR after close leaves the descriptor closed on Linux; closing again could hit somebody else's.
    if (::close(number) != 0 && errno != EINTR) throw system_failure(errno, "close", path);
  }

 private:
  int number_;
};

// Repeats a system call while signals interrupt it.
template <typename Call>
auto retried(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

// Reads to the end of the file, at most `limit` bytes; more is Failure("too-large"). `expected` only sizes the first
// buffer and is itself bounded by the limit. Container is Bytes or SecretBytes.
template <typename Container>
Container read_all(int descriptor, std::size_t expected, std::size_t limit, const std::string& path) {
  // A vector sets to zero what is read into: in the processor's own memory that costs little.
  constexpr std::size_t step = 256 * 1024;
  Container out;
  std::size_t filled = 0;
  std::size_t capacity = std::min(expected, limit) + 1;
  for (;;) {
    if (out.capacity() < capacity) reserve_large(out, capacity);
    out.resize(std::min(capacity, filled + step));
    const ssize_t count = retried([&] { return ::read(descriptor, out.data() + filled, out.size() - filled); });
    if (count < 0) throw system_failure(errno, "read", path);
    filled += static_cast<std::size_t>(count);
    if (filled > limit) {
      throw Failure({.code = "too-large",
                     .subject = path,
                     .cause = "has more than " + std::to_string(limit) + " bytes",
                     .hint = "check that this is the file you mean; files of this kind are smaller"});
    }
    if (count == 0) break;
    if (filled == capacity) capacity = std::min(capacity * 2 + 4096, limit + 1);
  }
  out.resize(filled);
  return out;
}

void write_all(int descriptor, ByteView bytes, const std::string& path);

}  // namespace chancery::files
