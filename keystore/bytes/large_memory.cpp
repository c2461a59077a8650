#include "keystore/bytes/large_memory.h"

#include <sys/mman.h>

#include <cstdint>

namespace chancery {
namespace {

constexpr std::uintptr_t page = 4096;

}  // namespace

void prefer_large_pages(void* memory, std::size_t size) noexcept {
  if (size < large_page) return;
  const auto begin = (reinterpret_cast<std::uintptr_t>(memory) + page - 1) / page * page;
  const auto end = (reinterpret_cast<std::uintptr_t>(memory) + size) / page * page;
  static_cast<void>(::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE));
}

}  // namespace chancery
