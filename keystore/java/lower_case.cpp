#include <algorithm>
#include <vector>

#include "keystore/java/java_text.h"
#include "keystore/java/lower_case_table.h"
#include "keystore/java/utf8.h"

// String.toLowerCase(Locale.ENGLISH) maps character by character, with two exceptions: a capital I with a dot becomes two
// characters, and a capital sigma becomes the final one where it ends a word. What a word is, Java takes from its
// BreakIterator; its rules are repeated here for the scripts that have case (not for
// letters outside the BMP, where Java itself is of two minds).

namespace chancery::java {
namespace {

constexpr char32_t capital_i_with_dot = 0x130, combining_dot_above = 0x307;
constexpr char32_t capital_sigma = 0x3a3, final_sigma = 0x3c2;
constexpr char32_t not_utf8 = 0x110000;  // plus the byte, which is kept as it is

char32_t lower(char32_t point) {
  const auto* run = std::lower_bound(std::begin(lower_case_runs), std::end(lower_case_runs), point,
                                     [](const LowerCaseRun& one, char32_t wanted) { return one.last < wanted; });
  if (run == std::end(lower_case_runs) || point < run->first || (point - run->first) % run->stride != 0) return point;
  return static_cast<char32_t>(static_cast<std::int32_t>(point) + run->delta);
}

struct Range {
  char32_t first;
  char32_t last;
};

template <std::size_t Size>
bool is_in(const Range (&ranges)[Size], char32_t point) {
  return std::any_of(std::begin(ranges), std::end(ranges),
                     [point](const Range& one) { return point >= one.first && point <= one.last; });
}

bool is_cased(char32_t point) {
  constexpr Range cased[] = {{'A', 'Z'},       {'a', 'z'},       {0xb5, 0xb5},     {0xc0, 0xd6},     {0xd8, 0xf6},
                             {0xf8, 0x1ba},    {0x1bc, 0x1bf},   {0x1c4, 0x293},   {0x295, 0x2b8},   {0x2c0, 0x2c1},
                             {0x2e0, 0x2e4},   {0x370, 0x373},   {0x376, 0x377},   {0x37a, 0x37d},   {0x37f, 0x37f},
                             {0x386, 0x386},   {0x388, 0x3f5},   {0x3f7, 0x481},   {0x48a, 0x52f},   {0x531, 0x556},
                             {0x560, 0x588},   {0x10a0, 0x10ff}, {0x13a0, 0x13fd}, {0x1c80, 0x1cbf}, {0x1d00, 0x1d61},
                             {0x1d6b, 0x1d77}, {0x1d79, 0x1d9a}, {0x1e00, 0x1fbc}, {0x2c00, 0x2ce4}};
  return is_in(cased, point);
}

bool is_digit(char32_t point) { return point >= '0' && point <= '9'; }
bool is_letter(char32_t point) {
  constexpr Range other[] = {{0xaa, 0xaa},   {0xba, 0xba},   {0x1bb, 0x1c3},
                             {0x294, 0x294}, {0x2b9, 0x2bf}, {0x5d0, 0x9ff}};
  return is_cased(point) || is_in(other, point);
}
// Belongs to whatever it follows.
bool is_mark(char32_t point) {
  constexpr Range marks[] = {{0x300, 0x36f}, {0x483, 0x489}, {0x591, 0x5bd}, {0x200b, 0x200f}, {0x20d0, 0x20f0}};
  return is_in(marks, point);
}
bool joins_letters(char32_t point) {
  constexpr Range joints[] = {{'"', '"'},   {'\'', '\''},     {'-', '.'},      {'_', '_'},
                              {0xad, 0xad}, {0x2010, 0x2015}, {0x2027, 0x2027}};
  return is_in(joints, point);
}
bool joins_digits(char32_t point) {
  constexpr Range joints[] = {{'"', '"'}, {'\'', '\''}, {',', ','}, {'.', '.'}};
  return is_in(joints, point);
}

// The words of a text, one after the other: letters and numbers in a row, with single joints inside each.
class Words {
 public:
  explicit Words(const std::vector<char32_t>& text) : text_(text) {}

  // The end of the word, or of the single other character, that begins at `start`.
  std::size_t end_of(std::size_t start) const {
    std::size_t at = start;
    for (std::size_t before = start;; before = at) {
      at = run(at, is_letter, joins_letters);
      at = run(at, is_digit, joins_digits);
      if (at == before) break;
    }
    return at == start ? behind(at) : at;
  }

 private:
  bool has(std::size_t at, bool (*kind)(char32_t)) const { return at < text_.size() && kind(text_[at]); }
  std::size_t behind(std::size_t at) const {
    for (++at; has(at, is_mark);) ++at;
    return at;
  }
  std::size_t run(std::size_t at, bool (*part)(char32_t), bool (*joint)(char32_t)) const {
    if (!has(at, part)) return at;
    for (;;) {
      while (has(at, part)) at = behind(at);
      if (!has(at, joint) || !has(at + 1, part)) return at;
      ++at;
    }
  }

  const std::vector<char32_t>& text_;
};

// Where the last cased letter of a word is a capital sigma, and not the only one, it is a final one.
void finish_sigmas(const std::vector<char32_t>& text, std::vector<char32_t>& lowered) {
  const Words words(text);
  for (std::size_t start = 0, end = 0; start < text.size(); start = end) {
    end = words.end_of(start);
    std::size_t count = 0, last = start;
    for (std::size_t at = start; at < end; ++at) {
      if (!is_cased(text[at])) continue;
      ++count;
      last = at;
    }
    if (count > 1 && text[last] == capital_sigma) lowered[last] = final_sigma;
  }
}

}  // namespace

std::string to_lower(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  std::vector<char32_t> points;
  if (std::all_of(text.begin(), text.end(), [](char unit) { return static_cast<signed char>(unit) >= 0; })) {
    for (const char unit : text) out += unit >= 'A' && unit <= 'Z' ? static_cast<char>(unit - 'A' + 'a') : unit;
    return out;
  }
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = static_cast<unsigned char>(text[at]);
    points.push_back(next_utf8(text, at).value_or(not_utf8 + byte));
  }
  std::vector<char32_t> lowered(points.size());
  std::transform(points.begin(), points.end(), lowered.begin(), lower);
  if (std::find(points.begin(), points.end(), capital_sigma) != points.end()) finish_sigmas(points, lowered);
  for (std::size_t i = 0; i < lowered.size(); ++i) {
    if (lowered[i] >= not_utf8) {
      out += static_cast<char>(static_cast<unsigned char>(lowered[i] - not_utf8));
      continue;
    }
    put_utf8(out, points[i] == capital_i_with_dot ? U'i' : lowered[i]);
    if (points[i] == capital_i_with_dot) put_utf8(out, combining_dot_above);
  }
  return out;
}

}  // namespace chancery::java
