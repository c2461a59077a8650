#include "backup/sets/content_sums.h"

#include <zlib.h>

namespace chancery::backup {

ContentSums sums_of(ByteView bytes) {
  return {.sha256 = sha256(bytes), .crc32 = static_cast<std::uint32_t>(::crc32_z(0, bytes.data(), bytes.size()))};
}

}  // namespace chancery::backup
