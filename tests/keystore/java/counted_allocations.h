// Every operator new of an executable that links counted_allocations.cpp is counted here.
#pragma once

#include <atomic>
#include <cstddef>

namespace chancery {

struct CountedAllocations {
  std::atomic<std::size_t> count = 0;
  std::atomic<std::size_t> bytes = 0;  // in all, given back or not
  void begin() noexcept { count = bytes = 0; }
};
extern CountedAllocations counted;  // of all threads

}  // namespace chancery
