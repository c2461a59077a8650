// libFuzzer's entry; CHANCERY_FUZZ_TARGET is the function that is fuzzed.
#include "keystore/bytes/bytes.h"

namespace chancery::fuzz {
void CHANCERY_FUZZ_TARGET(ByteView bytes);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  chancery::fuzz::CHANCERY_FUZZ_TARGET({data, size});
  return 0;
}
