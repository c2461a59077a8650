// The JSON of a join (POST /join), both directions, reader and writer together.
//
//   request  {"token":hex16,"role":…,"names":[…],"nonce":base64,"time":unix,"requests":[{"identity":…,"csr":PEM},…],
//             "signature":base64}
//   reply    {"reply":TEXT,"signature":base64}       TEXT is JSON again, signed exactly as it stands:
//     TEXT   {"nonce":base64,"federation":id,"root":PEM,"chains":{identity:[PEM,PEM(,PEM)],…},"customer_key":base64 (masked),
//             "portal":{"host","port","name"},"time":unix}
//   refusal  {"error":{"code":…,"message":…,"hint":…,"server_time":unix}}
//
// A renewal (POST /renew) is a shorter join: who asks is told by the certificate, and what it may have by the register.
//
//   request  {"certificate":hex32,"nonce":base64,"time":unix,"requests":[{"identity":…,"csr":PEM},…],"signature":base64}
//   TEXT     {"nonce":base64,"federation":id,"chains":{identity:[PEM,PEM(,PEM)],…},"time":unix}
//
// Readers take exactly this shape: an unknown, missing, repeated or wrongly typed member, more than 32 names or 16
// requests, or nesting deeper than 4 is Failure("join-malformed"). Not checked: whether anything said is true.
#pragma once

#include <map>

#include "appliance/federation/transcript.h"
#include "keystore/x509/certificate.h"

namespace chancery::federation {

inline constexpr std::size_t join_request_limit = 256 * 1024;

struct SignedStatement {
  JoinStatement statement;
  Bytes signature;
};
[[nodiscard]] std::string write_statement(const SignedStatement& message);
[[nodiscard]] SignedStatement read_statement(std::string_view body);

[[nodiscard]] std::string write_renewal(const SignedStatement& message);
[[nodiscard]] SignedStatement read_renewal(std::string_view body);

struct SignedReply {
  std::string text;
  Bytes signature;
};
[[nodiscard]] std::string write_signed_reply(const SignedReply& reply);
[[nodiscard]] SignedReply read_signed_reply(std::string_view body);

struct ReplyText {
  Bytes nonce;
  std::string federation;
  std::string root_pem;
  std::map<std::string, std::vector<std::string>> chains_pem;
  Bytes masked_customer_key;
  std::string portal_host;
  int portal_port = 0;
  std::string portal_name;
  std::int64_t time = 0;
};
// A chain as it stands there: the leaf, then what is above it.
[[nodiscard]] std::vector<std::string> pems_of(const Certificate& leaf, const std::vector<Certificate>& above);

[[nodiscard]] std::string write_reply_text(const ReplyText& reply);
[[nodiscard]] ReplyText read_reply_text(std::string_view text);

struct RenewalText {
  Bytes nonce;
  std::string federation;
  std::map<std::string, std::vector<std::string>> chains_pem;
  std::int64_t time = 0;
};
[[nodiscard]] std::string write_renewal_text(const RenewalText& reply);
[[nodiscard]] RenewalText read_renewal_text(std::string_view text);

struct WireRefusal {
  std::string code;
  std::string message;
  std::string hint;
  std::int64_t server_time = 0;
};
[[nodiscard]] std::string write_refusal(const WireRefusal& refusal);
[[nodiscard]] WireRefusal read_refusal(std::string_view body);

}  // namespace chancery::federation
