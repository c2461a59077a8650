// Hex and base64 (RFC 4648). Decoders are strict: anything outside the alphabet, bad padding or an odd length throws
// Failure("bad-encoding"). `base64url` is without padding. The secret variants leave no copy behind.
#pragma once

#include <string>
#include <string_view>

#include "keystore/bytes/bytes.h"
#include "keystore/bytes/secret.h"

namespace chancery {

[[nodiscard]] std::string to_hex(ByteView bytes);  // lower case
[[nodiscard]] Bytes from_hex(std::string_view text);
[[nodiscard]] std::string to_base64(ByteView bytes);
[[nodiscard]] Bytes from_base64(std::string_view text);
[[nodiscard]] SecretBytes to_base64url_secret(ByteView bytes);
[[nodiscard]] SecretBytes from_base64url_secret(ByteView text);

}  // namespace chancery
