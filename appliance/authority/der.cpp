#include "appliance/authority/der.h"

#include <array>
#include <charconv>
#include <string>

namespace chancery::authority::der {
namespace {

void append_base128(Bytes& to, std::uint32_t value) {
  std::array<std::uint8_t, 5> digits{};
  std::size_t count = 0;
  do {
    digits[count++] = static_cast<std::uint8_t>(value & 0x7f);
    value >>= 7;
  } while (value != 0);
  while (count-- > 0) to.push_back(static_cast<std::uint8_t>(digits[count] | (count > 0 ? 0x80 : 0)));
}

std::uint32_t next_number(std::string_view& dotted) {
  std::uint32_t value = 0;
  const auto result = std::from_chars(dotted.data(), dotted.data() + dotted.size(), value);
  dotted.remove_prefix(static_cast<std::size_t>(result.ptr - dotted.data()));
  if (!dotted.empty()) dotted.remove_prefix(1);
  return value;
}

}  // namespace

Bytes element(std::uint8_t tag, ByteView content) {
  Bytes out{tag};
  const std::size_t size = content.size();
  out.reserve(size + 5);
  if (size < 0x80) {
    out.push_back(static_cast<std::uint8_t>(size));
  } else {
    const int octets = size > 0xffff ? 3 : size > 0xff ? 2 : 1;
    out.push_back(static_cast<std::uint8_t>(0x80 | octets));
    for (int at = octets - 1; at >= 0; --at) out.push_back(static_cast<std::uint8_t>(size >> (8 * at)));
  }
  out.insert(out.end(), content.begin(), content.end());
  return out;
}

Bytes joined(std::initializer_list<ByteView> parts) {
  Bytes out;
  std::size_t size = 0;
  for (const ByteView part : parts) size += part.size();
  out.reserve(size);
  for (const ByteView part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

Bytes sequence(std::initializer_list<ByteView> parts) { return element(0x30, joined(parts)); }
Bytes set(ByteView only) { return element(0x31, only); }

Bytes boolean(bool value) {
  const std::uint8_t octet = value ? 0xff : 0x00;
  return element(0x01, {&octet, 1});
}

Bytes integer(std::uint32_t value) {
  const std::array<std::uint8_t, 4> octets{static_cast<std::uint8_t>(value >> 24),
                                           static_cast<std::uint8_t>(value >> 16),
                                           static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
  return unsigned_integer(octets);
}

Bytes unsigned_integer(ByteView big_endian) {
  while (big_endian.size() > 1 && big_endian.front() == 0) big_endian = big_endian.subspan(1);
  Bytes content;
  if (big_endian.empty() || big_endian.front() >= 0x80) content.push_back(0);
  content.insert(content.end(), big_endian.begin(), big_endian.end());
  return element(0x02, content);
}

Bytes object_id(std::string_view dotted) {
  Bytes content;
  const std::uint32_t first = next_number(dotted);
  append_base128(content, first * 40 + next_number(dotted));
  while (!dotted.empty()) append_base128(content, next_number(dotted));
  return element(0x06, content);
}

Bytes utf8(std::string_view text) { return element(0x0c, view_of(text)); }
Bytes octet_string(ByteView content) { return element(0x04, content); }

Bytes bit_string(ByteView content, unsigned unused_bits) {
  const auto unused = static_cast<std::uint8_t>(unused_bits);
  return element(0x03, joined({ByteView(&unused, 1), content}));
}

Bytes time(Instant instant) {
  std::string digits = to_compact(instant);  // 20261121T101500Z
  std::erase(digits, 'T');
  const bool short_form = digits < "2050";
  return short_form ? element(0x17, view_of(digits).subspan(2)) : element(0x18, view_of(digits));
}

Bytes context(unsigned number, ByteView content) { return element(static_cast<std::uint8_t>(0x80 | number), content); }
Bytes context_constructed(unsigned number, ByteView content) {
  return element(static_cast<std::uint8_t>(0xa0 | number), content);
}

}  // namespace chancery::authority::der
