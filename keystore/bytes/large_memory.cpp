#include "keystore/bytes/large_memory.h"

#include <sys/mman.h>

#include <cstdint>

namespace chancery {
namespace {

constexpr std::uintptr_t page = 4096;
constexpr std::size_t worth_asking = 32 * page;

// Linux 5.14 and 6.1; older ones say that they do not know them.
constexpr int populate_write = 23;
constexpr int collapse = 25;

}  // namespace

void prefer_large_pages(void* memory, std::size_t size) noexcept {
  const auto begin = reinterpret_cast<std::uintptr_t>(memory);
  const auto after = (begin + page - 1) / page * page;
  const auto last = (begin + size) / page * page;
  if (size >= large_page / 2) {
    // With the pages on which it begins and ends, and malloc's words on them: advice for a part would split the
    // mapping, and its first and last large page with it.
    const auto whole = begin / page * page;
    const auto end = (begin + size + page - 1) / page * page;
    static_cast<void>(::madvise(reinterpret_cast<void*>(whole), end - whole, MADV_HUGEPAGE));
    // malloc has touched the first page already, which would leave all of the first large page in small ones.
    const auto first = (whole + large_page - 1) / large_page * large_page;
    if (first == whole) static_cast<void>(::madvise(reinterpret_cast<void*>(whole), large_page, collapse));
  } else if (size >= worth_asking) {
    static_cast<void>(::madvise(reinterpret_cast<void*>(after), last - after, populate_write));
  }
}

SecretBytes joined(std::span<const ByteView> pieces) {
  std::size_t size = 0;
  for (const ByteView piece : pieces) size += piece.size();
  SecretBytes whole;
  reserve_large(whole, size);
  for (const ByteView piece : pieces) append(whole, piece);
  return whole;
}

}  // namespace chancery
