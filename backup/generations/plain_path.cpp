#include "backup/generations/plain_path.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace chancery::backup {
namespace {

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<std::uint8_t>(text[i]);
    const std::size_t length = first < 0x80                    ? 1
                               : first >= 0xc2 && first < 0xe0 ? 2
                               : first >= 0xe0 && first < 0xf0 ? 3
                               : first >= 0xf0 && first < 0xf5 ? 4
                                                               : 0;
    if (length == 0 || i + length > text.size()) {
      return false;
    }
    for (std::size_t k = 1; k < length; ++k) {
      if ((static_cast<std::uint8_t>(text[i + k]) & 0xc0) != 0x80) {
        return false;
      }
    }
    // Overlong forms, surrogates and what lies beyond U+10FFFF show in the second byte.
    const std::uint8_t second = length > 2 ? static_cast<std::uint8_t>(text[i + 1]) : 0;
    if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) || (first == 0xf0 && second < 0x90) ||
        (first == 0xf4 && second > 0x8f)) {
      return false;
    }
    i += length;
  }
  return true;
}

bool is_plain_part(std::string_view part) { return !part.empty() && part.size() <= 255 && part != "." && part != ".."; }

}  // namespace

bool is_plain_path(std::string_view path) {
  if (path.size() > 1000 || !is_utf8(path) || std::ranges::count(path, '/') >= 16) {
    return false;
  }
  if (std::ranges::any_of(path, [](char c) { return static_cast<std::uint8_t>(c) < 0x20 || c == 0x7f || c == '\\'; })) {
    return false;
  }
  std::size_t start = 0;
  for (std::size_t slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', start)) {
    if (!is_plain_part(path.substr(start, slash - start))) {
      return false;
    }
    start = slash + 1;
  }
  return is_plain_part(path.substr(start));
}

}  // namespace chancery::backup
