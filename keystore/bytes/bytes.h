// The two byte types of the product: Bytes owns, ByteView looks. For anything secret use SecretBytes (secret.h).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace chancery {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

inline ByteView view_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view text_of(ByteView bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
inline Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

}  // namespace chancery
