// Text for people: safe to send to a terminal whatever is in it, and measured in columns.
//
//   Text line;
//   line << "signed by " << certificate.issuer() << painted(Colour::red, "expired");
//
// Everything that goes in is escaped: control characters (C0, C1, DEL), bytes that are not UTF-8 and characters that
// change the direction of writing come out as \xNN, so no certificate name and no file name can move the cursor or
// imitate a verdict. Colours are kept apart from the text and become escape sequences only in Terminal. Thread safety:
// values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace chancery::cli {

enum class Colour { plain, bold, dim, red, green, yellow };

struct Painted {
  Colour colour;
  std::string text;  // escaped when it enters a Text
};
[[nodiscard]] inline Painted painted(Colour colour, std::string_view text) { return {colour, std::string(text)}; }

class Text {
 public:
  Text() = default;
  Text(std::string_view text) { *this << text; }                // NOLINT(google-explicit-constructor)
  Text(const std::string& text) { *this << text; }              // NOLINT(google-explicit-constructor)
  Text(const char* text) { *this << text; }                     // NOLINT(google-explicit-constructor)
  Text(const Painted& painted_text) { *this << painted_text; }  // NOLINT(google-explicit-constructor)

  Text& operator<<(std::string_view text);
  Text& operator<<(const char* text) { return *this << std::string_view(text); }
  Text& operator<<(const std::string& text) { return *this << std::string_view(text); }
  Text& operator<<(const Painted& text);
  Text& operator<<(const Text& text);

  const std::vector<Painted>& pieces() const noexcept { return pieces_; }
  std::size_t width() const;
  // Cut to `columns`, the last of which is then "…".
  Text cut_to(std::size_t columns) const;

 private:
  std::vector<Painted> pieces_;  // already escaped
};

[[nodiscard]] std::string escaped(std::string_view text);
// Columns on a terminal; `text` is valid UTF-8 without control characters (as escaped() returns).
[[nodiscard]] std::size_t width_of(std::string_view text);
// Broken at blanks into lines of at most `columns`; a longer word stands alone on its line.
[[nodiscard]] std::vector<std::string> wrapped(std::string_view text, std::size_t columns);
// The same, with longer words broken wherever the line ends.
[[nodiscard]] std::vector<std::string> folded(std::string_view text, std::size_t columns);

}  // namespace chancery::cli
