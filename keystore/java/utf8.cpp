#include "keystore/java/utf8.h"

namespace chancery::java {

std::optional<char32_t> next_utf8(std::string_view text, std::size_t& at) noexcept {
  const auto lead = static_cast<unsigned char>(text[at++]);
  if (lead < 0x80) return lead;
  const std::size_t more = lead >= 0xf5 || lead < 0xc2 ? 0 : lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
  if (more == 0 || text.size() - at < more) return std::nullopt;
  char32_t point = lead & (0x3fU >> more);
  for (std::size_t i = 0; i < more; ++i) {
    const auto unit = static_cast<unsigned char>(text[at + i]);
    if ((unit & 0xc0U) != 0x80) return std::nullopt;
    point = (point << 6U) | (unit & 0x3fU);
  }
  const bool overlong = (more == 2 && point < 0x800) || (more == 3 && point < 0x10000);
  if (overlong || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return std::nullopt;
  at += more;
  return point;
}

void put_utf8(std::string& out, char32_t point) {
  const auto put = [&out](char32_t unit) { out += static_cast<char>(static_cast<unsigned char>(unit)); };
  if (point < 0x80) return put(point);
  if (point < 0x800) {
    put(0xc0 | (point >> 6U));
  } else if (point < 0x10000) {
    put(0xe0 | (point >> 12U));
    put(0x80 | ((point >> 6U) & 0x3fU));
  } else {
    put(0xf0 | (point >> 18U));
    put(0x80 | ((point >> 12U) & 0x3fU));
    put(0x80 | ((point >> 6U) & 0x3fU));
  }
  put(0x80 | (point & 0x3fU));
}

}  // namespace chancery::java
