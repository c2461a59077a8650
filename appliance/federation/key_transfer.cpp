#include "appliance/federation/key_transfer.h"

#include "appliance/federation/authority_link.h"
#include "appliance/federation/join_wire.h"
#include "appliance/federation/key_wire.h"
#include "keystore/bytes/text_encoding.h"

namespace chancery::federation {
namespace {

Failure reply_invalid(const std::string& peer, const std::string& cause) {
  return Failure(
      {.code = "reply-invalid",
       .subject = peer,
       .cause = cause,
       .hint = "nothing was taken; it is tried again by itself. If it stays, look at the primary's authority"});
}

[[noreturn]] void refuse(const http::Reply& reply, Instant now, const std::string& peer) {
  WireRefusal refusal;
  try {
    refusal = read_refusal(reply.body);
  } catch (const Failure&) {
    refusal.code = "status " + std::to_string(reply.status);
  }
  if (refusal.code == "clock-skew") check_skew(refusal.server_time, now, peer);
  throw Failure({.code = "customer-key-refused",
                 .subject = peer,
                 .cause = "the authority does not hand out the Customer Keys: " + refusal.code,
                 .hint = "its log has the reason: see it on the primary. It is tried again by itself"});
}

// What one request remembers between asking and checking the answer.
class KeyExchange {
 public:
  KeyExchange(const KeyRequest& request, const Clock& clock)
      : request_(request), clock_(clock), peer_(address_of(request.authority)) {}

  http::Request ask(const tls::Connection& connection) {
    authority_key_ = pinned_key(connection, request_.authority_pin, peer_);
    session_secret_ = connection.exporter(key_session_label, session_secret_size);
    const SecretBytes nonce = random_secret(nonce_size);
    statement_ = {.certificate = from_hex(request_.member.fingerprint()),
                  .nonce = Bytes(nonce.begin(), nonce.end()),
                  .time = clock_().time_since_epoch().count()};
    const Bytes signature = request_.member_key.sign(view_of(key_transcript(statement_, view_of(session_secret_))));
    return {.method = "POST",
            .path = "/customer-key",
            .content_type = "application/json",
            .body = write_key_request({statement_, signature}),
            .headers = host_header(connection)};
  }

  void check(const tls::Connection& connection, const http::Reply& reply) {
    if (reply.status != 200) refuse(reply, clock_(), peer_);
    KeyReply answer;
    try {
      answer = read_key_reply(reply.body);
    } catch (const Failure& failure) {
      throw reply_invalid(peer_, "the answer is malformed: " + failure.cause());
    }
    const SecretBytes said = key_reply_transcript(statement_, view_of(session_secret_), answer.masked);
    if (!verify_signature(authority_key_, view_of(said), answer.signature)) {
      throw reply_invalid(peer_, "the answer is not signed by the authority for this very session");
    }
    SecretBytes bytes = connection.exporter(key_mask_label, answer.masked.size());
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      bytes[at] = static_cast<std::uint8_t>(bytes[at] ^ answer.masked[at]);
    }
    keys = CustomerKeys::parse(view_of(bytes));
  }

  CustomerKeys keys;

 private:
  const KeyRequest& request_;
  const Clock& clock_;
  std::string peer_;
  KeyStatement statement_;
  Bytes authority_key_;
  SecretBytes session_secret_;
};

}  // namespace

CustomerKeys fetch_customer_keys(const KeyRequest& request, const Clock& clock) {
  const tls::ClientContext context(pinning(request.authority_pin));
  KeyExchange exchange(request, clock);
  try {
    (void)http::request_bound(
        request.authority, context, [&](const tls::Connection& connection) { return exchange.ask(connection); },
        [&](const tls::Connection& connection, const http::Reply& reply) { exchange.check(connection, reply); },
        request.deadline);
  } catch (const Failure& failure) {
    if (failure.code() == "pin-mismatch") throw relay_suspected(address_of(request.authority), Exchange::renewal);
    throw;
  }
  return std::move(exchange.keys);
}

}  // namespace chancery::federation
