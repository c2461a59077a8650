// What a set says of the bytes of each of its files: their SHA-256, which the seal covers, and the CRC that any zip has.
//
//   const ContentSums sums = sums_of(bytes);       // once for a file of megabytes, by whoever has the time for it
//
// Pure; thread safe.
#pragma once

#include <cstdint>

#include "keystore/openssl/digest.h"

namespace chancery::backup {

struct ContentSums {
  Sha256 sha256{};
  std::uint32_t crc32 = 0;
};
[[nodiscard]] ContentSums sums_of(ByteView bytes);

}  // namespace chancery::backup
