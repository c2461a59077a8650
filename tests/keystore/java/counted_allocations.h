// Every operator new of an executable that links counted_allocations.cpp is counted here.
#pragma once

#include <cstddef>

namespace chancery {

struct CountedAllocations {
  std::size_t count = 0;
  std::size_t bytes = 0;  // in all, given back or not
};
extern CountedAllocations counted;  // set it to {} before what is to be counted

}  // namespace chancery
