// What both sides of a join sign. Grammar, big endian, `sized` meaning a 16-bit size before the bytes:
//
//   transcript = sized label            "chancery join 1 joiner" | "chancery join 1 authority"
//                sized exporter         32 bytes of the TLS session, label "EXPORTER-chancery-join-1", no context
//                sized token-id         16 bytes
//                sized requests-digest  SHA-256 of: for each request in the order sent, sized identity,
//                                       u32-sized DER of the CSR
//                sized role
//                u16 count, then each name sized
//                sized nonce            32 bytes of the joiner's
//                u64 time               the joiner's clock, Unix seconds
//                sized reply-digest     SHA-256 of the reply's text; only under the authority's label
//
// The exporter binds a signature to one session, so nothing signed can be replayed in another or passed on by somebody
// in between; the labels differ, so that neither side's words can be sent back to it. Every part has its size before
// it, so that no two contents have one transcript.
//
// A renewal (renewal.h) is the same under labels of its own ("chancery renew 1 member", "chancery renew 1 authority",
// "EXPORTER-chancery-renew-1"): the id is the SHA-256 of the member's certificate, role and names are empty, because
// the register has them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "keystore/bytes/secret.h"
#include "keystore/openssl/digest.h"
#include "keystore/x509/request.h"

namespace chancery::federation {

enum class Exchange { join, renewal };

inline constexpr const char* session_label = "EXPORTER-chancery-join-1";
inline constexpr const char* renewal_session_label = "EXPORTER-chancery-renew-1";
// The reply's customer key is masked with this secret of the session, so that it stands in no text in memory.
inline constexpr const char* mask_label = "EXPORTER-chancery-join-1-customer-key";
inline constexpr std::size_t session_secret_size = 32;
inline constexpr std::size_t nonce_size = 32;

struct IdentityRequest {
  std::string identity;
  CertificateRequest request;
};

struct JoinStatement {
  Bytes token_id;  // of a renewal: the SHA-256 of the member's certificate
  std::vector<IdentityRequest> requests;
  std::string role;
  std::vector<std::string> names;
  Bytes nonce;
  std::int64_t time = 0;
};

[[nodiscard]] SecretBytes joiner_transcript(const JoinStatement& statement, ByteView session_secret,
                                            Exchange exchange = Exchange::join);
[[nodiscard]] SecretBytes authority_transcript(const JoinStatement& statement, ByteView session_secret,
                                               std::string_view reply, Exchange exchange = Exchange::join);

}  // namespace chancery::federation
