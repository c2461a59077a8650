// The wire of POST /customer-key (key_transfer.h has its grammar), reader and writer together. Internal to
// appliance/federation. Readers take exactly this shape; anything else is Failure("key-request-malformed").
#pragma once

#include <string>

#include "keystore/bytes/secret.h"

namespace chancery::federation {

inline constexpr const char* key_session_label = "EXPORTER-chancery-customer-key-1";
inline constexpr const char* key_mask_label = "EXPORTER-chancery-customer-key-1-mask";

struct KeyStatement {
  Bytes certificate;  // SHA-256 of the member's
  Bytes nonce;
  std::int64_t time = 0;
};
struct SignedKeyStatement {
  KeyStatement statement;
  Bytes signature;
};
struct KeyReply {
  Bytes masked;
  Bytes signature;
};

[[nodiscard]] SecretBytes key_transcript(const KeyStatement& statement, ByteView session_secret);
[[nodiscard]] SecretBytes key_reply_transcript(const KeyStatement& statement, ByteView session_secret, ByteView masked);
[[nodiscard]] std::string write_key_request(const SignedKeyStatement& message);
[[nodiscard]] SignedKeyStatement read_key_request(std::string_view body);
[[nodiscard]] std::string write_key_reply(const KeyReply& reply);
[[nodiscard]] KeyReply read_key_reply(std::string_view body);

}  // namespace chancery::federation
