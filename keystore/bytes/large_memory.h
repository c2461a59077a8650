// Memory for megabytes, which the kernel is asked to give in large pages where it has them: a fifth of the time that
// handing out thousands of small ones takes.
//
//   SecretBytes bytes;
//   reserve_large(bytes, size);       // then resize, append, …
//
// Advice only: nothing is different where it is not taken. Thread safe.
#pragma once

#include <cstddef>

namespace chancery {

void prefer_large_pages(void* memory, std::size_t size) noexcept;

inline constexpr std::size_t large_page = 2 * 1024 * 1024;

template <typename Container>
void reserve_large(Container& container, std::size_t size) {
  // Room behind the end, so that the last page may be a large one too.
  container.reserve(size < large_page ? size : size + large_page);
  prefer_large_pages(container.data(), container.capacity());
}

}  // namespace chancery
