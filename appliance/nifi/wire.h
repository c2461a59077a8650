// What goes over the wire in NiFi mode: the enrolment protocol of the Apache NiFi tls-toolkit (client/server mode), as
// its sources of 1.x have it. capabilities.md, row X7, lists the facts.
//
//   request   POST /   {"hmac": base64, "csr": PEM}                       at most 1 MiB
//   reply     200      {"hmac": base64, "pemEncodedCertificate": PEM}     at most 1 MiB
//             400 403  {"error": text}
//
// Both HMACs are HMAC-SHA-256 under the token over the key identifier (SHA-1 of the subjectPublicKey bits, RFC 5280,
// 4.2.1.2, method 1) of one public key: the request's over that of the CSR, the reply's over that of the CA. Nothing
// else is protected by them: neither names nor time nor a nonce. Replies hold no member that the toolkit does not know,
// because its reader refuses such. Thread safety: pure functions.
#pragma once

#include <string>

#include "keystore/bytes/secret.h"
#include "keystore/openssl/digest.h"

namespace chancery::nifi {

inline constexpr std::size_t body_limit = 1024 * 1024;
inline constexpr std::size_t least_token = 16;  // bytes
inline constexpr char key_alias[] = "nifi-key";
inline constexpr char trust_alias[] = "nifi-cert";

// Failure("token-too-short") for fewer than 16 bytes: one captured request lets a token be guessed at leisure.
void expect_usable_token(const SecretBytes& token);

// Of a SubjectPublicKeyInfo; Failure("key-weak") for bytes that are none.
[[nodiscard]] Bytes key_identifier(ByteView public_key_der);
[[nodiscard]] Sha256 mac_over(const SecretBytes& token, ByteView public_key_der);

// Empty members stand for absent ones. Reading throws Failure("nifi-malformed") for anything but one JSON object whose
// known members are text; unknown members are passed over.
struct RequestBody {
  Bytes mac;
  std::string csr_pem;
};
struct ReplyBody {
  Bytes mac;
  std::string certificate_pem;
  std::string error;
};
[[nodiscard]] RequestBody read_request(const std::string& body);
[[nodiscard]] ReplyBody read_reply(const std::string& body);
[[nodiscard]] std::string write_request(const RequestBody& request);
[[nodiscard]] std::string write_reply(const ReplyBody& reply);  // with `error` alone where it is not empty

}  // namespace chancery::nifi
