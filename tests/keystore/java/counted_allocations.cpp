#include "tests/keystore/java/counted_allocations.h"

#include <cstdlib>
#include <new>

namespace chancery {
CountedAllocations counted;
}  // namespace chancery

void* operator new(std::size_t size) {
  ++chancery::counted.count;
  chancery::counted.bytes += size;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
