// libFuzzer's entry; CHANCERY_FUZZ_TARGET is one of targets.h.
#include <cstddef>
#include <cstdint>

#include "tests/federation/fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  chancery::fuzz::CHANCERY_FUZZ_TARGET({data, size});
  return 0;
}
