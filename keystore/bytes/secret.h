// Memory for secrets: wiped before it is given back, kept out of core dumps, and not printable.
//
//   SecretBytes passphrase = read_secret_file(path, 4096);
//   SecretBytes pem = key.to_pem();
//
// A secret never becomes a std::string. Growing wipes the old block. Comparing is `secret_equal` (constant time in the
// contents, not in the lengths). Not checked: pages are not locked against swap. Thread safety: a value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string_view>
#include <vector>

#include "keystore/bytes/bytes.h"

namespace chancery {

void wipe(void* memory, std::size_t size) noexcept;

template <typename T>
struct WipingAllocator {
  using value_type = T;
  WipingAllocator() noexcept = default;
  template <typename U>
  WipingAllocator(const WipingAllocator<U>&) noexcept {}  // NOLINT(google-explicit-constructor)
  T* allocate(std::size_t count) { return static_cast<T*>(::operator new(count * sizeof(T))); }
  void deallocate(T* memory, std::size_t count) noexcept {
    wipe(memory, count * sizeof(T));
    ::operator delete(memory);
  }
  friend bool operator==(const WipingAllocator&, const WipingAllocator&) noexcept { return true; }
};

using SecretBytes = std::vector<std::uint8_t, WipingAllocator<std::uint8_t>>;

// Printing a secret does not compile.
std::ostream& operator<<(std::ostream&, const SecretBytes&) = delete;

inline ByteView view_of(const SecretBytes& secret) { return {secret.data(), secret.size()}; }
inline SecretBytes secret_copy(ByteView bytes) { return {bytes.begin(), bytes.end()}; }
inline SecretBytes secret_copy(std::string_view text) { return secret_copy(view_of(text)); }
void append(SecretBytes& to, ByteView bytes);

[[nodiscard]] bool secret_equal(ByteView left, ByteView right) noexcept;

// `count` bytes from the operating system's generator (getrandom(2)). Throws Failure("random-failed").
[[nodiscard]] SecretBytes random_secret(std::size_t count);

// Call once at the start of main: RLIMIT_CORE 0, PR_SET_DUMPABLE 0, umask 077.
void forbid_core_dumps() noexcept;
// The umask that was in force before it: for files that a person makes and that hold no secret.
[[nodiscard]] unsigned caller_umask() noexcept;

}  // namespace chancery
