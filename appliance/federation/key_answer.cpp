// The authority's side of POST /customer-key (key_transfer.h).
#include <spdlog/spdlog.h>

#include "appliance/authority/register.h"
#include "appliance/federation/admission_state.h"
#include "appliance/federation/key_wire.h"
#include "appliance/federation/refusal.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"
#include "keystore/x509/der.h"

namespace chancery::federation {
namespace {

// One answer for everything that is wrong; the reason goes to the log.
[[noreturn]] void refuse_keys(const std::string& reason) {
  throw Refusal{{403, write_refusal({"customer-key-refused", "this request is refused",
                                     "the log of the primary's authority has the reason", 0})},
                reason};
}

Bytes key_of(const Certificate& certificate) {
  const auto outline = der::outline_of(certificate.der());
  if (!outline) refuse_keys("its certificate cannot be read");
  return {outline->key.begin(), outline->key.end()};
}

}  // namespace

Admission::WireAnswer Admission::State::hand_out_keys(const std::string& body, const tls::Connection& session,
                                                      const std::string& peer, Instant now) {
  if (session.protocol() != "TLSv1.3") refuse_keys("the session is not TLS 1.3");
  SignedKeyStatement message;
  try {
    message = read_key_request(body);
  } catch (const Failure& failure) {
    refuse_keys("it is malformed: " + failure.cause());
  }
  const KeyStatement& statement = message.statement;
  const auto issued = authority::find_issued(store(), statement.certificate);
  if (!issued) refuse_keys("its certificate is not in the register");
  const SecretBytes secret = session.exporter(key_session_label, session_secret_size);
  const bool is_proven = verify_signature(key_of(issued->certificate),
                                          view_of(key_transcript(statement, view_of(secret))), message.signature);
  if (!is_proven) refuse_keys("the signature does not fit certificate and session");
  // From here on it has proven that it holds the key.
  check_clock(statement.time, now);
  if (issued->kind != "member" || issued->revoked || issued->certificate.not_after() < now) {
    refuse_keys("its certificate is no good member's");
  }
  if (!find_member(store(), issued->member)) refuse_keys("there is no such member any more");
  member_seen(store(), issued->member, now);

  const SecretBytes plain = customer_keys.to_bytes();
  const SecretBytes mask = session.exporter(key_mask_label, plain.size());
  KeyReply reply{.masked = Bytes(plain.size()), .signature = {}};
  for (std::size_t at = 0; at < plain.size(); ++at) {
    reply.masked[at] = static_cast<std::uint8_t>(plain[at] ^ mask[at]);
  }
  reply.signature = tls_key.sign(view_of(key_reply_transcript(statement, view_of(secret), reply.masked)));
  spdlog::info("customer key: {} was given number {}, from {}", issued->member, customer_keys.number,
               Attempts::address_of(peer));
  return {200, write_key_reply(reply)};
}

Admission::WireAnswer Admission::answer_customer_key(const std::string& body, const tls::Connection& session,
                                                     const std::string& peer) {
  const Instant now = state_->clock();
  const std::string address = Attempts::address_of(peer);
  if (state_->attempts.must_wait(peer, now)) {
    spdlog::warn("customer key refused to {}: too many failures within a minute", address);
    return wire(429, "too-many-attempts", "too many requests from this address failed", "wait a minute, then try again",
                now);
  }
  try {
    return state_->hand_out_keys(body, session, peer, now);
  } catch (const Refusal& refusal) {
    state_->attempts.failed(peer, now);
    spdlog::warn("customer key refused to {}: {}", address, refusal.reason);
    return refusal.answer;
  } catch (const Failure& failure) {
    spdlog::error("customer key for {} failed: {}; {}", address, failure.what(), failure.hint());
    return Admission::unavailable(failure, "customer-key-failed", now);
  }
}

}  // namespace chancery::federation
