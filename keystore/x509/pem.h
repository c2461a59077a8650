// PEM (RFC 7468, and RFC 1421 headers of old encrypted keys): a tolerant scanner and a strict writer.
//
//   pem::Scanner scanner(text);
//   while (auto block = scanner.next()) …block->label, scanner.line_of(*block)…
//
// The scanner looks for the dashes and takes anything between them: CRLF, blanks before and after lines, text around
// blocks, no line ends at all. It is linear in the input and allocates nothing. Not checked: that the base64 is right
// (decode tells) or that it is what the label says.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "keystore/bytes/bytes.h"
#include "keystore/bytes/secret.h"

namespace chancery::pem {

struct Block {
  std::string_view label;    // "CERTIFICATE"
  std::string_view headers;  // "Proc-Type: 4,ENCRYPTED\nDEK-Info: …"; empty when there are none
  std::string_view body;     // base64 with its line ends
  std::size_t offset = 0;    // of BEGIN in the text
  bool is_closed = true;     // false: no END line before the next BEGIN or the end of the text
  bool labels_agree = true;  // END says the same as BEGIN
};

class Scanner {
 public:
  explicit Scanner(ByteView text) : text_(text_of(text)) {}
  [[nodiscard]] std::optional<Block> next();
  // The line of its BEGIN, counted from 1. Ask in the order of the blocks, at most once a block.
  [[nodiscard]] std::size_t line_of(const Block& block);
  // True once anything but white space was passed outside of blocks.
  [[nodiscard]] bool saw_other_text() const noexcept { return saw_other_text_; }

 private:
  void pass_outside(std::size_t from, std::size_t to);

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t counted_to_ = 0;
  std::size_t line_ = 1;
  bool saw_other_text_ = false;
};

// Base64 with white space anywhere; nullopt for anything else in it, or wrong padding.
[[nodiscard]] std::optional<SecretBytes> decode(std::string_view body);
// The same into a buffer that is used again and again (certificates are no secrets). False as nullopt above.
[[nodiscard]] bool decode_into(std::string_view body, Bytes& out);

// LF line ends, lines of 64, final newline.
[[nodiscard]] std::string encode(std::string_view label, ByteView der);
[[nodiscard]] SecretBytes encode_secret(std::string_view label, ByteView der);

}  // namespace chancery::pem
