#include "appliance/federation/token.h"

#include <algorithm>

#include "keystore/bytes/cursor.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"

namespace chancery::federation {
namespace {

constexpr std::string_view prefix = "chancery-join-1.";
constexpr std::size_t id_size = 16;
constexpr std::size_t seed_size = 32;
constexpr std::size_t encoded_size = 107;  // 80 bytes in base64 without padding

[[noreturn]] void malformed(const char* cause) {
  throw Failure({.code = "token-malformed",
                 .subject = "join token",
                 .cause = cause,
                 .hint = "give the file that holds exactly what `chancery federation token` printed"});
}

bool is_blank(std::uint8_t unit) { return unit == ' ' || unit == '\t' || unit == '\r' || unit == '\n'; }

ByteView trimmed(ByteView text) {
  while (!text.empty() && is_blank(text.front())) text = text.subspan(1);
  while (!text.empty() && is_blank(text.back())) text = text.first(text.size() - 1);
  return text;
}

}  // namespace

SecretBytes write_token(const JoinToken& token) {
  Writer writer;
  writer.block(token.id).block(view_of(token.seed)).block(token.authority_pin);
  SecretBytes text = secret_copy(prefix);
  append(text, view_of(to_base64url_secret(view_of(writer.bytes()))));
  return text;
}

JoinToken read_token(ByteView text) {
  text = trimmed(text);
  if (text.size() < prefix.size() || text_of(text.first(prefix.size())) != prefix) {
    malformed("it does not begin with chancery-join-1.");
  }
  text = text.subspan(prefix.size());
  if (text.size() != encoded_size) malformed("it is cut short or has something after its end");
  SecretBytes bytes;
  try {
    bytes = from_base64url_secret(text);
  } catch (const Failure&) {
    malformed("it has characters that no token has");
  }
  Reader reader(view_of(bytes), "join token");
  JoinToken token;
  const ByteView id = reader.block(id_size);
  token.id.assign(id.begin(), id.end());
  token.seed = secret_copy(reader.block(seed_size));
  const ByteView pin = reader.block(token.authority_pin.size());
  std::copy(pin.begin(), pin.end(), token.authority_pin.begin());
  reader.expect_end();
  return token;
}

}  // namespace chancery::federation
