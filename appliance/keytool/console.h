// Where keytool talks: text out as Java prints it, answers and passwords in as Java reads them.
//
//   Console console;
//   std::optional<SecretBytes> password = console.read_password("Enter keystore password:  ");
//
// Text is UTF-8 inside; where the locale's character set is another, everything outside ASCII goes out as '?', as Java
// has it. Passwords are asked without echo on a terminal (stdin and stdout both are one), else read from stdin, one line
// each; an empty line or the end of the input is nullopt, as in Java. Lines of answers come from the same input; unlike
// Java, which throws away what it has read ahead, each question gets the next line. Thread safety: none needed.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "keystore/bytes/secret.h"

namespace chancery::keytool {

class Console {
 public:
  Console();
  ~Console();
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  void out(std::string_view text);
  void out_bytes(ByteView bytes);  // as they are: DER
  void err(std::string_view text);
  // False when stdout did not take everything so far.
  [[nodiscard]] bool flush();

  // The echo is off before the prompt is shown, so that whoever answers at once (expect) is not seen and not lost.
  [[nodiscard]] std::optional<SecretBytes> read_password(std::string_view prompt);
  // Without its line end; nullopt at the end of the input.
  [[nodiscard]] std::optional<std::string> read_line();
  // Everything that is left of stdin, at most `limit` bytes: Failure("too-large").
  [[nodiscard]] Bytes read_rest(std::size_t limit);

 private:
  std::optional<std::uint8_t> next_byte();
  std::string encoded(std::string_view text) const;

  std::string pending_;
  bool is_utf8_ = true;
  bool failed_ = false;
  SecretBytes input_;
  std::size_t at_ = 0;
};

// What stands between the password prompts and a terminal: Java counts characters (UTF-16 units).
[[nodiscard]] std::size_t character_count(const SecretBytes& utf8);

}  // namespace chancery::keytool
