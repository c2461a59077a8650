#include "keystore/java/java_text.h"

#include <algorithm>

#include "keystore/fault.h"
#include "keystore/java/format.h"
#include "keystore/java/utf8.h"

namespace chancery::java {
namespace {

constexpr char32_t replacement = 0xfffd;

bool is_high_surrogate(char32_t unit) { return unit >= 0xd800 && unit < 0xdc00; }
bool is_low_surrogate(char32_t unit) { return unit >= 0xdc00 && unit < 0xe000; }

// Plain in modified UTF-8 too: one byte each, and not NUL.
bool is_plain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char unit) { return static_cast<signed char>(unit) > 0; });
}

// One UTF-16 unit. Java reads overlong forms as well, so this does.
char32_t next_unit(ByteView bytes, std::size_t& at, const std::string& source) {
  const auto continued = [&](std::size_t ahead) {
    if (bytes.size() - at <= ahead || (bytes[at + ahead] & 0xc0U) != 0x80) {
      fail_damaged(source, "a text in it is not modified UTF-8");
    }
    return char32_t{bytes[at + ahead]} & 0x3fU;
  };
  const std::uint8_t lead = bytes[at];
  char32_t unit = lead;
  std::size_t size = 1;
  if (lead >= 0xe0 && lead < 0xf0) {
    unit = ((lead & 0x0fU) << 12U) | (continued(1) << 6U) | continued(2);
    size = 3;
  } else if (lead >= 0xc0 && lead < 0xe0) {
    unit = ((lead & 0x1fU) << 6U) | continued(1);
    size = 2;
  } else if (lead >= 0x80) {
    fail_damaged(source, "a text in it is not modified UTF-8");
  }
  at += size;
  return unit;
}

std::string from_modified(ByteView bytes, const std::string& source) {
  std::string out;
  out.reserve(bytes.size());
  char32_t high = 0;  // a first surrogate that waits for its second
  for (std::size_t at = 0; at < bytes.size();) {
    const char32_t unit = next_unit(bytes, at, source);
    if (is_low_surrogate(unit) && high != 0) {
      put_utf8(out, 0x10000 + ((high - 0xd800) << 10U) + (unit - 0xdc00));
      high = 0;
      continue;
    }
    if (high != 0) put_utf8(out, replacement);
    high = is_high_surrogate(unit) ? unit : 0;
    if (high == 0) put_utf8(out, is_low_surrogate(unit) ? replacement : unit);
  }
  if (high != 0) put_utf8(out, replacement);
  return out;
}

// Each UTF-16 unit of UTF-8 text goes to `take`. The subject is not the text: it may be a password.
template <typename Take>
void each_unit(std::string_view text, const char* subject, Take take) {
  for (std::size_t at = 0; at < text.size();) {
    const std::optional<char32_t> point = next_utf8(text, at);
    if (!point) {
      throw Failure({.code = "bad-encoding",
                     .subject = subject,
                     .cause = "is not UTF-8",
                     .hint = "give it as UTF-8 (`locale` shows what your terminal uses)"});
    }
    if (*point < 0x10000) {
      take(*point);
      continue;
    }
    take(0xd800 + ((*point - 0x10000) >> 10U));
    take(0xdc00 + ((*point - 0x10000) & 0x3ffU));
  }
}

SecretBytes to_modified(std::string_view text) {
  SecretBytes out;
  out.reserve(text.size() * 3 / 2 + 2);
  const auto put = [&out](char32_t value) { out.push_back(static_cast<std::uint8_t>(value)); };
  each_unit(text, "alias", [&](char32_t unit) {
    if (unit != 0 && unit < 0x80) return put(unit);
    if (unit < 0x800) {
      put(0xc0 | (unit >> 6U));
    } else {
      put(0xe0 | (unit >> 12U));
      put(0x80 | ((unit >> 6U) & 0x3fU));
    }
    put(0x80 | (unit & 0x3fU));
  });
  return out;
}

void put_sized(Writer& out, ByteView modified) {
  if (modified.size() > 0xffff) {
    throw Failure({.code = "alias-too-long",
                   .subject = "alias",
                   .cause = "has " + std::to_string(modified.size()) + " bytes, a keystore can hold 65535",
                   .hint = "choose a shorter alias"});
  }
  out.sized16(modified);
}

}  // namespace

std::string read_utf(Reader& in, const std::string& source) {
  const ByteView bytes = in.sized16();
  if (is_plain(text_of(bytes))) return std::string(text_of(bytes));
  return from_modified(bytes, source);
}

void write_utf(Writer& out, std::string_view text) {
  if (is_plain(text)) return put_sized(out, view_of(text));
  put_sized(out, to_modified(text));
}

SecretBytes utf16_password(ByteView utf8, bool terminated) {
  SecretBytes out;
  out.reserve(2 * utf8.size() + 2);
  each_unit(text_of(utf8), "password", [&out](char32_t unit) {
    out.push_back(static_cast<std::uint8_t>(unit >> 8U));
    out.push_back(static_cast<std::uint8_t>(unit));
  });
  if (terminated) out.insert(out.end(), {0, 0});
  return out;
}

}  // namespace chancery::java
