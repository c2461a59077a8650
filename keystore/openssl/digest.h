// SHA-256 and HMAC-SHA-256, as values. Fetched once per process. Thread safe.
#pragma once

#include <array>
#include <string>

#include "keystore/bytes/bytes.h"

namespace chancery {

using Sha256 = std::array<std::uint8_t, 32>;

[[nodiscard]] Sha256 sha256(ByteView bytes);
[[nodiscard]] std::string sha256_hex(ByteView bytes);
[[nodiscard]] Sha256 hmac_sha256(ByteView key, ByteView bytes);

}  // namespace chancery
