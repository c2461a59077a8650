// Memory for megabytes, which the kernel is asked to give in large pages where it has them, or at least at once: a
// fifth of the time that handing out thousands of small ones takes.
//
//   SecretBytes bytes;
//   reserve_large(bytes, size);       // then resize, append, …
//
// Advice only: nothing is different where it is not taken. Thread safe.
#pragma once

#include <cstddef>
#include <span>

#include "keystore/bytes/secret.h"

namespace chancery {

void prefer_large_pages(void* memory, std::size_t size) noexcept;

inline constexpr std::size_t large_page = 2 * 1024 * 1024;

// At least `size`; from half a large page on as much as large pages hold, which is faster to be given than the half in
// small ones. The kernel puts a mapping on a border of large pages only where it is a whole number of them long, and
// malloc's own words are part of that.
[[nodiscard]] constexpr std::size_t large_capacity(std::size_t size) noexcept {
  constexpr std::size_t words_of_malloc = 64;
  if (size < large_page / 2) return size;
  return (size + words_of_malloc + large_page - 1) / large_page * large_page - words_of_malloc;
}

// Bytes.
template <typename Container>
void reserve_large(Container& container, std::size_t size) {
  container.reserve(large_capacity(size));
  prefer_large_pages(container.data(), container.capacity());
}

// One after the other, in one place.
[[nodiscard]] SecretBytes joined(std::span<const ByteView> pieces);

// Elements of any kind.
template <typename Container>
void reserve_at_once(Container& container, std::size_t count) {
  constexpr std::size_t each = sizeof(typename Container::value_type);
  container.reserve(large_capacity(count * each) / each);
  prefer_large_pages(container.data(), container.capacity() * each);
}

}  // namespace chancery
