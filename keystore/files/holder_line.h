// Who holds a lock, as a line in its file: advice for the one who waits, printable and short. Internal to keystore/files.
#pragma once

#include <unistd.h>

#include <string>
#include <string_view>

#include "keystore/files/descriptor.h"

namespace chancery::files {

inline constexpr std::size_t holder_limit = 200;

inline std::string printable_holder(std::string_view text) {
  std::string out;
  for (const char unit : text.substr(0, holder_limit)) {
    if (unit == '\n') break;
    out.push_back(static_cast<unsigned char>(unit) >= 0x20 && unit != 0x7f ? unit : '?');
  }
  return out;
}

// A full disk must not keep anybody from taking the lock: what cannot be written is not.
inline void write_holder(int descriptor, const std::string& holder) {
  const std::string line = printable_holder(holder) + "\n";
  if (::ftruncate(descriptor, 0) != 0) return;
  [[maybe_unused]] const ssize_t written = ::pwrite(descriptor, line.data(), line.size(), 0);
}

// "" where nothing can be read.
inline std::string read_holder(int descriptor) {
  char text[holder_limit + 1];
  const ssize_t size = retried([&] { return ::pread(descriptor, text, sizeof text, 0); });
  return size <= 0 ? "" : printable_holder({text, static_cast<std::size_t>(size)});
}

}  // namespace chancery::files
