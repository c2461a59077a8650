#include "appliance/cli/text.h"

#include <cstdint>
#include <cstdio>

namespace chancery::cli {
namespace {

struct Symbol {
  char32_t code = 0;
  std::size_t size = 1;  // bytes taken
  bool valid = false;
};

// One character of UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
Symbol next_symbol(std::string_view text) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned first = byte(0);
  if (first < 0x80) return {first, 1, true};
  std::size_t size = 0;
  char32_t code = 0;
  if (first >= 0xC2 && first <= 0xDF) {
    size = 2;
    code = first & 0x1Fu;
  } else if (first >= 0xE0 && first <= 0xEF) {
    size = 3;
    code = first & 0x0Fu;
  } else if (first >= 0xF0 && first <= 0xF4) {
    size = 4;
    code = first & 0x07u;
  }
  if (size == 0 || size > text.size()) return {};
  for (std::size_t at = 1; at < size; ++at) {
    if ((byte(at) & 0xC0u) != 0x80u) return {};
    code = (code << 6u) | (byte(at) & 0x3Fu);
  }
  const bool overlong = (size == 3 && code < 0x800) || (size == 4 && code < 0x10000);
  if (overlong || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return {};
  return {code, size, true};
}

struct Range {
  char32_t first;
  char32_t last;
};

template <std::size_t Count>
bool is_within(const Range (&ranges)[Count], char32_t code) {
  for (const Range& range : ranges) {
    if (code >= range.first && code <= range.last) return true;
  }
  return false;
}

// What must never reach a terminal as itself: controls, line separators, and everything that reorders text.
constexpr Range kDangerous[] = {{0x00, 0x1F},     {0x7F, 0x9F},     {0x061C, 0x061C},
                                {0x200B, 0x200F}, {0x2028, 0x202E}, {0x2060, 0x206F},
                                {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB}, {0xE0000, 0xE007F}};
constexpr Range kWithoutWidth[] = {{0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD},  {0x0610, 0x061A},
                                   {0x064B, 0x065F}, {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF},  {0x20D0, 0x20FF},
                                   {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xE0100, 0xE01EF}};
constexpr Range kWide[] = {{0x1100, 0x115F},  {0x2E80, 0x303E},   {0x3041, 0xA4CF},   {0xA960, 0xA97C},
                           {0xAC00, 0xD7A3},  {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},
                           {0xFFE0, 0xFFE6},  {0x1F300, 0x1F64F}, {0x1F680, 0x1F6FF}, {0x1F900, 0x1FAFF},
                           {0x20000, 0x3FFFD}};

std::size_t columns_of(char32_t code) {
  if (is_within(kWithoutWidth, code)) return 0;
  return is_within(kWide, code) ? 2 : 1;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Symbol symbol = next_symbol(text);
    if (symbol.valid && !is_within(kDangerous, symbol.code)) {
      out.append(text.substr(0, symbol.size));
    } else {
      for (std::size_t at = 0; at < symbol.size; ++at) {
        char hex[5];
        std::snprintf(hex, sizeof hex, "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(text[at])));
        out += hex;
      }
    }
    text.remove_prefix(symbol.size);
  }
  return out;
}

std::size_t width_of(std::string_view text) {
  std::size_t columns = 0;
  while (!text.empty()) {
    const Symbol symbol = next_symbol(text);
    columns += symbol.valid ? columns_of(symbol.code) : 1;
    text.remove_prefix(symbol.size);
  }
  return columns;
}

namespace {

// The longest beginning of `text` within `columns`; at least one character.
std::size_t fitting(std::string_view text, std::size_t columns) {
  std::size_t taken = 0;
  std::size_t used = 0;
  while (taken < text.size()) {
    const Symbol symbol = next_symbol(text.substr(taken));
    used += symbol.valid ? columns_of(symbol.code) : 1;
    if (used > columns && taken > 0) break;
    taken += symbol.size;
  }
  return taken;
}

}  // namespace

std::vector<std::string> folded(std::string_view text, std::size_t columns) {
  std::vector<std::string> lines;
  for (const std::string& line : wrapped(text, columns)) {
    for (std::string_view rest = line; !rest.empty();) {
      const std::size_t taken = fitting(rest, columns);
      lines.emplace_back(rest.substr(0, taken));
      rest.remove_prefix(taken);
    }
  }
  return lines;
}

std::vector<std::string> wrapped(std::string_view text, std::size_t columns) {
  std::vector<std::string> lines;
  std::string line;
  while (!text.empty()) {
    const std::size_t blank = text.find(' ');
    const std::string_view word = text.substr(0, blank);
    text.remove_prefix(blank == std::string_view::npos ? text.size() : blank + 1);
    if (word.empty()) continue;
    if (!line.empty() && width_of(line) + 1 + width_of(word) > columns) {
      lines.push_back(std::move(line));
      line.clear();
    }
    if (!line.empty()) line += ' ';
    line += word;
  }
  if (!line.empty() || lines.empty()) lines.push_back(std::move(line));
  return lines;
}

Text& Text::operator<<(std::string_view text) { return *this << Painted{Colour::plain, std::string(text)}; }

Text& Text::operator<<(const Painted& text) {
  if (!text.text.empty()) pieces_.push_back({text.colour, escaped(text.text)});
  return *this;
}

Text& Text::operator<<(const Text& text) {
  // A copy first: a text may be appended to itself.
  const std::vector<Painted> pieces = text.pieces_;
  pieces_.insert(pieces_.end(), pieces.begin(), pieces.end());
  return *this;
}

std::size_t Text::width() const {
  std::size_t columns = 0;
  for (const Painted& piece : pieces_) columns += width_of(piece.text);
  return columns;
}

Text Text::cut_to(std::size_t columns) const {
  if (width() <= columns) return *this;
  Text out;
  if (columns == 0) return out;
  std::size_t left = columns - 1;
  for (const Painted& piece : pieces_) {
    std::string kept;
    std::string_view rest = piece.text;
    while (!rest.empty()) {
      const Symbol symbol = next_symbol(rest);
      const std::size_t wide = columns_of(symbol.code);
      if (wide > left) {
        kept += "…";
        out.pieces_.push_back({piece.colour, std::move(kept)});
        return out;
      }
      left -= wide;
      kept.append(rest.substr(0, symbol.size));
      rest.remove_prefix(symbol.size);
    }
    out.pieces_.push_back({piece.colour, std::move(kept)});
  }
  return out;
}

}  // namespace chancery::cli
