#include "keystore/bytes/text_encoding.h"

#include <array>

#include "keystore/fault.h"

namespace chancery {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::string_view standard_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view url_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr std::array<std::int8_t, 256> reversed(std::string_view alphabet) {
  std::array<std::int8_t, 256> table{};
  table.fill(-1);
  for (std::size_t index = 0; index < alphabet.size(); ++index) {
    table[static_cast<std::uint8_t>(alphabet[index])] = static_cast<std::int8_t>(index);
  }
  return table;
}
constexpr auto standard_values = reversed(standard_alphabet);
constexpr auto url_values = reversed(url_alphabet);

Failure bad_encoding(const char* kind, const char* what) {
  return Failure({.code = "bad-encoding",
                  .subject = kind,
                  .cause = what,
                  .hint = "copy the text again, whole and without changes"});
}

int hex_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  throw bad_encoding("hexadecimal text", "a character is not a hexadecimal digit");
}

// Out is std::string or SecretBytes: the same loop, and no copy of a secret on the way.
template <typename Out>
void encode(ByteView bytes, std::string_view alphabet, bool padded, Out& out) {
  using Unit = typename Out::value_type;
  const auto put = [&](std::uint32_t value) { out.push_back(static_cast<Unit>(alphabet[value & 0x3fU])); };
  out.reserve(out.size() + (bytes.size() + 2) / 3 * 4);
  std::size_t at = 0;
  for (; at + 3 <= bytes.size(); at += 3) {
    const std::uint32_t group =
        (std::uint32_t{bytes[at]} << 16U) | (std::uint32_t{bytes[at + 1]} << 8U) | bytes[at + 2];
    put(group >> 18U);
    put(group >> 12U);
    put(group >> 6U);
    put(group);
  }
  const std::size_t rest = bytes.size() - at;
  if (rest == 0) return;
  const std::uint32_t group = (std::uint32_t{bytes[at]} << 16U) | (rest == 2 ? std::uint32_t{bytes[at + 1]} << 8U : 0U);
  put(group >> 18U);
  put(group >> 12U);
  if (rest == 2) put(group >> 6U);
  if (!padded) return;
  if (rest == 1) out.push_back(static_cast<Unit>('='));
  out.push_back(static_cast<Unit>('='));
}

template <typename Out>
Out decode(ByteView text, const std::array<std::int8_t, 256>& values, const char* kind) {
  if (text.size() % 4 == 1) throw bad_encoding(kind, "its length is impossible");
  Out out;
  out.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t group = 0;
  unsigned bits = 0;
  for (const std::uint8_t unit : text) {
    const int value = values[unit];
    if (value < 0) throw bad_encoding(kind, "a character is outside the alphabet");
    group = ((group << 6U) | static_cast<std::uint32_t>(value)) & 0xffffU;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out.push_back(static_cast<std::uint8_t>(group >> bits));
  }
  if ((group & ((1U << bits) - 1U)) != 0) throw bad_encoding(kind, "its last character has bits beyond the end");
  return out;
}

}  // namespace

std::string to_hex(ByteView bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const std::uint8_t byte : bytes) {
    out.push_back(hex_digits[byte >> 4U]);
    out.push_back(hex_digits[byte & 0xfU]);
  }
  return out;
}

Bytes from_hex(std::string_view text) {
  if (text.size() % 2 != 0) throw bad_encoding("hexadecimal text", "it has an odd number of digits");
  Bytes out;
  out.reserve(text.size() / 2);
  for (std::size_t at = 0; at < text.size(); at += 2) {
    out.push_back(static_cast<std::uint8_t>(hex_value(text[at]) * 16 + hex_value(text[at + 1])));
  }
  return out;
}

std::string to_base64(ByteView bytes) {
  std::string out;
  encode(bytes, standard_alphabet, true, out);
  return out;
}

Bytes from_base64(std::string_view text) {
  if (text.size() % 4 != 0) throw bad_encoding("base64 text", "its length is not a multiple of four");
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  return decode<Bytes>(view_of(text.substr(0, text.size() - padding)), standard_values, "base64 text");
}

SecretBytes to_base64url_secret(ByteView bytes) {
  SecretBytes out;
  encode(bytes, url_alphabet, false, out);
  return out;
}

SecretBytes from_base64url_secret(ByteView text) { return decode<SecretBytes>(text, url_values, "base64url text"); }

}  // namespace chancery
