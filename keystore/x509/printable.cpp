#include "keystore/x509/printable.h"

#include <algorithm>

namespace chancery {
namespace {

// The length of the well-formed UTF-8 character at the front (RFC 3629), 0 for none; its code point in `point`.
std::size_t character_at(ByteView text, std::uint32_t& point) {
  const std::uint8_t lead = text[0];
  const std::size_t size = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  if (size == 0 || size > text.size()) return 0;
  constexpr std::uint32_t lead_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
  point = lead & lead_bits[size];
  for (std::size_t index = 1; index < size; ++index) {
    if ((text[index] & 0xc0U) != 0x80U) return 0;
    point = (point << 6U) | (text[index] & 0x3fU);
  }
  const bool overlong = (size == 3 && point < 0x800) || (size == 4 && point < 0x10000);
  const bool impossible = point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff);
  return overlong || impossible ? 0 : size;
}

bool is_safe(std::uint32_t point) {
  if (point < 0x20 || (point >= 0x7f && point < 0xa0) || point == '\\') return false;
  const bool turns = point == 0x61c || (point >= 0x200b && point <= 0x200f) || (point >= 0x2028 && point <= 0x202e) ||
                     (point >= 0x2060 && point <= 0x206f) || point == 0xfeff;
  return !turns;
}

}  // namespace

std::string printable(ByteView text) {
  constexpr char digits[] = "0123456789abcdef";
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    std::uint32_t point = 0;
    const std::size_t size = character_at(text, point);
    const std::size_t taken = std::max<std::size_t>(size, 1);
    if (size > 0 && is_safe(point)) {
      out.append(text_of(text.first(size)));
    } else {
      for (const std::uint8_t byte : text.first(taken)) {
        out += "\\x";
        out += digits[byte >> 4U];
        out += digits[byte & 0xfU];
      }
    }
    text = text.subspan(taken);
  }
  return out;
}

}  // namespace chancery
