#include "backup/sets/content_sums.h"

#include <libdeflate.h>

namespace chancery::backup {

ContentSums sums_of(ByteView bytes) {
  return {.sha256 = sha256(bytes), .crc32 = ::libdeflate_crc32(0, bytes.data(), bytes.size())};
}

}  // namespace chancery::backup
