#include "appliance/federation/key_wire.h"

#include <nlohmann/json.hpp>

#include "appliance/federation/strict_json.h"
#include "appliance/federation/transcript.h"
#include "keystore/bytes/cursor.h"
#include "keystore/bytes/text_encoding.h"

namespace chancery::federation {
namespace {

using nlohmann::json;

constexpr const char* member_label = "chancery customer-key 1 member";
constexpr const char* authority_label = "chancery customer-key 1 authority";
constexpr std::size_t longest_body = 8192;
constexpr std::size_t longest_signature = 1024;
constexpr std::size_t longest_keys = 1024;
constexpr std::size_t digest_size = 32;

constexpr MessageKind kind{.code = "key-request-malformed",
                           .subject = "Customer Keys",
                           .hint = "check that both sides run versions of Chancery that fit together",
                           .deepest = 1};

json strictly(std::string_view body) {
  if (body.size() > longest_body) refuse_message(kind, "it is too long");
  return parse_strictly(body, kind);
}

}  // namespace

SecretBytes key_transcript(const KeyStatement& statement, ByteView session_secret) {
  Writer writer;
  writer.sized16(view_of(std::string_view(member_label))).sized16(session_secret).sized16(statement.certificate);
  writer.sized16(statement.nonce).u64(static_cast<std::uint64_t>(statement.time));
  return writer.take();
}

SecretBytes key_reply_transcript(const KeyStatement& statement, ByteView session_secret, ByteView masked) {
  Writer writer;
  writer.sized16(view_of(std::string_view(authority_label))).sized16(session_secret);
  writer.sized16(statement.nonce).sized16(masked);
  return writer.take();
}

std::string write_key_request(const SignedKeyStatement& message) {
  return json({{"certificate", to_hex(message.statement.certificate)},
               {"nonce", to_base64(message.statement.nonce)},
               {"time", message.statement.time},
               {"signature", to_base64(message.signature)}})
      .dump();
}

SignedKeyStatement read_key_request(std::string_view body) {
  const json document = strictly(body);
  Members members(document, kind);
  SignedKeyStatement message{.statement = {.certificate = members.hex("certificate", digest_size),
                                           .nonce = members.binary("nonce", nonce_size),
                                           .time = members.number("time")},
                             .signature = members.binary("signature", longest_signature)};
  members.expect_no_more();
  if (message.statement.nonce.size() != nonce_size) refuse_message(kind, "nonce is not of 32 bytes");
  return message;
}

std::string write_key_reply(const KeyReply& reply) {
  return json({{"keys", to_base64(reply.masked)}, {"signature", to_base64(reply.signature)}}).dump();
}

KeyReply read_key_reply(std::string_view body) {
  const json document = strictly(body);
  Members members(document, kind);
  KeyReply reply{.masked = members.binary("keys", longest_keys),
                 .signature = members.binary("signature", longest_signature)};
  members.expect_no_more();
  return reply;
}

}  // namespace chancery::federation
