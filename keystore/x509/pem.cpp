#include "keystore/x509/pem.h"

#include <algorithm>
#include <array>

namespace chancery::pem {
namespace {

constexpr std::string_view begin_mark = "-----BEGIN ";
constexpr std::string_view end_mark = "-----END ";
constexpr std::string_view dashes = "-----";
constexpr std::size_t longest_label = 64;

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::int8_t other = -1, space = -2, padding = -3;

constexpr std::array<std::int8_t, 256> make_values() {
  std::array<std::int8_t, 256> table{};
  table.fill(other);
  for (std::size_t index = 0; index < alphabet.size(); ++index) {
    table[static_cast<std::uint8_t>(alphabet[index])] = static_cast<std::int8_t>(index);
  }
  for (const char blank : {' ', '\t', '\r', '\n', '\f', '\v'}) table[static_cast<std::uint8_t>(blank)] = space;
  table['='] = padding;
  return table;
}
constexpr auto values = make_values();

bool is_space(char unit) { return values[static_cast<std::uint8_t>(unit)] == space; }

// The label up to its closing dashes on the same line; nullopt when there is none.
std::optional<std::string_view> label_at(std::string_view text, std::size_t start) {
  const std::string_view line = text.substr(start, longest_label + dashes.size());
  const std::size_t end = line.find(dashes);
  if (end == std::string_view::npos || end == 0) return std::nullopt;
  const std::string_view label = line.substr(0, end);
  const bool fine = std::all_of(label.begin(), label.end(), [](char unit) { return unit >= 0x20 && unit < 0x7f; });
  return fine ? std::optional(label) : std::nullopt;
}

// RFC 1421 headers stand before the first empty line, and their first line has a colon, which base64 never has.
void split_headers(Block& block, std::string_view content) {
  block.body = content;
  const std::size_t colon = content.substr(0, 2048).find(':');
  if (colon == std::string_view::npos) return;
  std::size_t at = content.find('\n', colon);
  while (at != std::string_view::npos) {
    std::size_t after = at + 1;
    while (after < content.size() && (content[after] == '\r' || content[after] == ' ' || content[after] == '\t')) {
      ++after;
    }
    if (after < content.size() && content[after] == '\n') {
      block.headers = content.substr(0, at);
      block.body = content.substr(after);
      return;
    }
    at = content.find('\n', at + 1);
  }
}

template <typename Out>
bool decode_text(std::string_view body, Out& out) {
  out.resize(body.size() / 4 * 3 + 3);
  std::uint8_t* to = out.data();
  std::uint32_t group = 0;
  unsigned count = 0;
  unsigned pads = 0;
  const auto put = [&](std::uint32_t three_bytes) {
    *to++ = static_cast<std::uint8_t>(three_bytes >> 16U);
    *to++ = static_cast<std::uint8_t>(three_bytes >> 8U);
    *to++ = static_cast<std::uint8_t>(three_bytes);
  };
  for (std::size_t at = 0; at < body.size(); ++at) {
    // Whole groups, as nearly all of them are, without looking at each character by itself.
    while (count == 0 && pads == 0 && body.size() - at >= 4) {
      const auto value_at = [&](std::size_t index) { return int{values[static_cast<std::uint8_t>(body[at + index])]}; };
      const int one = value_at(0), two = value_at(1), three = value_at(2), four = value_at(3);
      if ((one | two | three | four) < 0) break;
      put(static_cast<std::uint32_t>((one << 18) | (two << 12) | (three << 6) | four));
      at += 4;
    }
    if (at >= body.size()) break;
    const int value = values[static_cast<std::uint8_t>(body[at])];
    if (value == space) continue;
    if (value == padding) {
      ++pads;
      continue;
    }
    if (value < 0 || pads > 0) return false;
    group = (group << 6U) | static_cast<std::uint32_t>(value);
    if (++count < 4) continue;
    put(group);
    group = 0;
    count = 0;
  }
  if (count == 1 || (count == 0 && pads != 0) || (count > 0 && count + pads != 4)) return false;
  if (count > 0) {
    put(group << (6U * (4 - count)));
    to -= 4 - count;
  }
  out.resize(static_cast<std::size_t>(to - out.data()));
  return true;
}

template <typename Out>
void encode_text(std::string_view label, ByteView der, Out& out) {
  using Unit = typename Out::value_type;
  constexpr std::size_t line = 48;  // bytes of a line of 64 characters
  constexpr std::size_t marks = begin_mark.size() + end_mark.size() + 2 * dashes.size() + 2;
  out.resize(marks + 2 * label.size() + (der.size() + 2) / 3 * 4 + (der.size() + line - 1) / line);
  Unit* to = out.data();
  const auto text = [&](std::string_view part) {
    for (const char unit : part) *to++ = static_cast<Unit>(unit);
  };
  const auto digit = [](std::uint32_t group, unsigned shift) {
    return static_cast<Unit>(alphabet[(group >> shift) & 0x3fU]);
  };
  text(begin_mark);
  text(label);
  text("-----\n");
  while (!der.empty()) {
    ByteView rest = der.first(std::min(line, der.size()));
    der = der.subspan(rest.size());
    for (; rest.size() >= 3; rest = rest.subspan(3)) {
      const std::uint32_t group = std::uint32_t{rest[0]} << 16U | std::uint32_t{rest[1]} << 8U | std::uint32_t{rest[2]};
      for (const unsigned shift : {18U, 12U, 6U, 0U}) *to++ = digit(group, shift);
    }
    if (!rest.empty()) {
      const std::uint32_t group = std::uint32_t{rest[0]} << 16U | (rest.size() > 1 ? std::uint32_t{rest[1]} << 8U : 0U);
      *to++ = digit(group, 18);
      *to++ = digit(group, 12);
      *to++ = rest.size() > 1 ? digit(group, 6) : static_cast<Unit>('=');
      *to++ = static_cast<Unit>('=');
    }
    *to++ = static_cast<Unit>('\n');
  }
  text(end_mark);
  text(label);
  text("-----\n");
}

}  // namespace

std::size_t Scanner::line_of(const Block& block) {
  for (; counted_to_ < block.offset; ++counted_to_) {
    const char unit = text_[counted_to_];
    const bool lone_return = unit == '\r' && (counted_to_ + 1 >= text_.size() || text_[counted_to_ + 1] != '\n');
    if (unit == '\n' || lone_return) ++line_;
  }
  return line_;
}

void Scanner::pass_outside(std::size_t from, std::size_t to) {
  for (std::size_t at = from; at < to && !saw_other_text_; ++at) saw_other_text_ = !is_space(text_[at]);
}

std::optional<Block> Scanner::next() {
  std::size_t search = at_;
  for (;;) {
    const std::size_t begin = text_.find(begin_mark, search);
    if (begin == std::string_view::npos) {
      pass_outside(at_, text_.size());
      at_ = text_.size();
      return std::nullopt;
    }
    const auto label = label_at(text_, begin + begin_mark.size());
    if (!label) {
      search = begin + begin_mark.size();
      continue;
    }
    pass_outside(at_, begin);
    Block block;
    block.label = *label;
    block.offset = begin;
    const std::size_t content = begin + begin_mark.size() + label->size() + dashes.size();
    const std::size_t stop = std::min(text_.find(dashes, content), text_.size());
    split_headers(block, text_.substr(content, stop - content));
    at_ = stop;
    if (text_.substr(stop, end_mark.size()) != end_mark) {
      block.is_closed = false;
      // Stray dashes are passed over; those of a BEGIN line are the next block's.
      if (stop < text_.size() && text_.substr(stop, begin_mark.size()) != begin_mark) at_ = stop + dashes.size();
      return block;
    }
    const auto end_label = label_at(text_, stop + end_mark.size());
    block.labels_agree = end_label == label;
    at_ = stop + end_mark.size() + (end_label ? end_label->size() + dashes.size() : 0);
    return block;
  }
}

std::optional<SecretBytes> decode(std::string_view body) {
  SecretBytes out;
  if (!decode_text(body, out)) return std::nullopt;
  return out;
}

bool decode_into(std::string_view body, Bytes& out) { return decode_text(body, out); }

std::string encode(std::string_view label, ByteView der) {
  std::string out;
  encode_text(label, der, out);
  return out;
}

SecretBytes encode_secret(std::string_view label, ByteView der) {
  SecretBytes out;
  encode_text(label, der, out);
  return out;
}

}  // namespace chancery::pem
