#include "appliance/federation/join.h"

#include <algorithm>
#include <array>

#include "appliance/federation/join_wire.h"
#include "appliance/federation/member_uri.h"
#include "appliance/federation/reply_proof.h"
#include "appliance/federation/token.h"
#include "appliance/http/client.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"
#include "keystore/x509/der.h"
#include "keystore/x509/pem.h"

namespace chancery::federation {
namespace {

constexpr std::chrono::hours most_skew{1};

std::string address_of(const tls::Target& target) { return target.host + ":" + std::to_string(target.port); }

std::string span_text(std::chrono::seconds span) {
  const auto total = std::chrono::abs(span);
  const auto days = std::chrono::duration_cast<std::chrono::days>(total);
  const auto hours = std::chrono::duration_cast<std::chrono::hours>(total - days);
  const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(total - days - hours);
  return std::to_string(days.count()) + " days " + std::to_string(hours.count()) + " h " +
         std::to_string(minutes.count()) + " min";
}

void check_skew(std::int64_t server_time, Instant now, const std::string& peer) {
  const auto difference = now - Instant{std::chrono::seconds{server_time}};
  if (difference <= most_skew && difference >= -most_skew) return;
  throw Failure({.code = "clock-skew",
                 .subject = peer,
                 .cause = "the clock differs by " + span_text(difference) + " from the authority's: this one is " +
                          (difference.count() > 0 ? "ahead" : "behind"),
                 .hint = "set both clocks right (NTP), then join again with the same token"});
}

// The peer's key as the authority signs with it; ClientContext has compared it with the pin already.
Bytes pinned_key(const tls::Connection& connection, const JoinToken& token, const std::string& peer) {
  const std::vector<Certificate> chain = connection.peer_chain();
  if (chain.empty() || chain.front().key_digest() != token.authority_pin) {
    throw Failure({.code = "pin-mismatch",
                   .subject = peer,
                   .cause = "its key is not the pinned one",
                   .hint = "check the address"});
  }
  const auto outline = der::outline_of(chain.front().der());
  if (!outline) reply_invalid(peer, "its TLS certificate cannot be read");
  return {outline->key.begin(), outline->key.end()};
}

Failure relay_suspected(const std::string& peer) {
  return Failure({.code = "relay-suspected",
                  .subject = peer,
                  .cause = "another key answered than the token pins: somebody may sit between this appliance and " +
                           peer + " (man in the middle), or this is not the appliance that made the token",
                  .hint = "nothing was sent and nothing installed. Check the address and what lies in between "
                          "(proxies, load balancers), and use a token made on that primary"});
}

tls::ClientOptions pinning(const JoinToken& token) {
  tls::ClientOptions options;
  options.pin = token.authority_pin;
  options.minimum_protocol = "TLSv1.3";
  options.alpn = {"http/1.1"};
  return options;
}

[[noreturn]] void refused(const http::Reply& reply, Instant now, const std::string& peer) {
  WireRefusal refusal;
  try {
    refusal = read_refusal(reply.body);
  } catch (const Failure&) {
    reply_invalid(peer, "it answers with HTTP status " + std::to_string(reply.status) + " and no reason");
  }
  if (refusal.code == "clock-skew") check_skew(refusal.server_time, now, peer);
  struct Known {
    const char* code;
    const char* cause;
    const char* hint;
  };
  static constexpr std::array<Known, 4> all{{
      {"join-refused", "the authority refuses this join",
       "make a new token there for exactly these names (chancery federation token); the authority's log has the "
       "reason"},
      {"token-expired", "the token has expired", "make a new one there with chancery federation token"},
      {"too-many-attempts", "too many joins from this address have failed", "wait a minute, then join again"},
      {"join-failed", "the authority could not do it", "see the authority's log, then join again with the same token"},
  }};
  for (const Known& known : all) {
    if (refusal.code != known.code) continue;
    throw Failure({.code = known.code, .subject = peer, .cause = known.cause, .hint = known.hint});
  }
  reply_invalid(peer, "it refuses for a reason that nobody knows");
}

std::map<std::string, std::string> host_header(const tls::Connection& connection) {
  const Certificate leaf = connection.peer_chain().front();  // keeps its names alive while they are looked through
  for (const AlternativeName& name : leaf.names()) {
    if (name.kind == AlternativeName::Kind::dns) return {{"Host", name.value}};
  }
  return {};
}

Certificate one_certificate(const std::string& text, const std::string& peer) {
  pem::Scanner scanner(view_of(text));
  const auto block = scanner.next();
  Bytes der;
  if (!block || block->label != "CERTIFICATE" || !block->is_closed || !pem::decode_into(block->body, der)) {
    reply_invalid(peer, "a certificate in it cannot be read");
  }
  return Certificate::from_der(der);
}

// One attempt to join: what was said, and what came of it.
class Attempt {
 public:
  Attempt(const JoinRequest& request, const JoinToken& token, const Clock& clock)
      : request_(request), token_(token), clock_(clock), peer_(address_of(request.primary)) {
    statement_.token_id = token.id;
    statement_.role = to_text(request.role);
    statement_.names = canonical_names(request.names);
    std::vector<AlternativeName> names;
    for (const std::string& name : statement_.names) names.push_back(parse_name(name));
    for (const JoinIdentity& each : request.identities) {
      statement_.requests.push_back({each.identity, CertificateRequest::make(each.key, names)});
    }
    const SecretBytes nonce = random_secret(nonce_size);
    statement_.nonce.assign(nonce.begin(), nonce.end());
    statement_.time = clock().time_since_epoch().count();
  }

  http::Request make(const tls::Connection& connection) {
    authority_key_ = pinned_key(connection, token_, peer_);
    session_secret_ = connection.exporter(session_label, session_secret_size);
    const PrivateKey signer = PrivateKey::from_ed25519_seed(view_of(token_.seed));
    const Bytes signature = signer.sign(view_of(joiner_transcript(statement_, view_of(session_secret_))));
    return {.method = "POST",
            .path = "/join",
            .content_type = "application/json",
            .body = write_statement({statement_, signature}),
            // The primary may be reached by an address it does not know (NAT); it answers to the names of its
            // certificate.
            .headers = host_header(connection)};
  }

  Joined check(const tls::Connection& connection, const http::Reply& reply) const {
    if (reply.status != 200) refused(reply, clock_(), peer_);
    try {
      return proven(connection, read_signed_reply(reply.body));
    } catch (const Failure& failure) {
      if (failure.code() == "join-malformed" || failure.code() == "not-a-certificate")
        reply_invalid(peer_, failure.cause());
      throw;
    }
  }

 private:
  Joined proven(const tls::Connection& connection, const SignedReply& reply) const {
    const SecretBytes transcript = authority_transcript(statement_, view_of(session_secret_), reply.text);
    if (!verify_signature(authority_key_, view_of(transcript), reply.signature)) {
      reply_invalid(peer_, "its signature is wrong");
    }
    const ReplyText text = read_reply_text(reply.text);
    if (text.nonce != statement_.nonce) reply_invalid(peer_, "it answers another question");
    check_skew(text.time, clock_(), peer_);
    check_facts(text);
    Joined joined{.federation = text.federation,
                  .chains = {},
                  .root = one_certificate(text.root_pem, peer_),
                  .customer_key = unmasked(connection, text.masked_customer_key),
                  .portal_host = text.portal_host,
                  .portal_port = text.portal_port,
                  .portal_name = text.portal_name};
    if (text.chains_pem.size() != request_.identities.size()) reply_invalid(peer_, "it has other identities");
    for (const JoinIdentity& each : request_.identities) joined.chains[each.identity] = chain(each, text, joined.root);
    return joined;
  }

  void check_facts(const ReplyText& text) const {
    const auto is_plain = [](char unit) {
      return (unit >= 'a' && unit <= 'z') || (unit >= '0' && unit <= '9') || unit == '-';
    };
    if (text.federation.empty() || !std::all_of(text.federation.begin(), text.federation.end(), is_plain)) {
      reply_invalid(peer_, "the federation's id is none");
    }
    if (text.portal_port < 1 || text.portal_port > 65535) reply_invalid(peer_, "the portal's port is none");
    try {
      (void)canonical_names({text.portal_host, text.portal_name});
    } catch (const Failure&) {
      reply_invalid(peer_, "the portal's address is none");
    }
  }

  SecretBytes unmasked(const tls::Connection& connection, const Bytes& masked) const {
    if (masked.size() < 16 || masked.size() > 64) reply_invalid(peer_, "the customer key has an odd size");
    SecretBytes key = connection.exporter(mask_label, masked.size());
    for (std::size_t at = 0; at < key.size(); ++at) key[at] = static_cast<std::uint8_t>(key[at] ^ masked[at]);
    return key;
  }

  std::vector<Certificate> chain(const JoinIdentity& wanted, const ReplyText& text, const Certificate& root) const {
    const auto found = text.chains_pem.find(wanted.identity);
    if (found == text.chains_pem.end()) reply_invalid(peer_, "there is no certificate for " + wanted.identity);
    std::vector<Certificate> certificates;
    for (const std::string& pem : found->second) certificates.push_back(one_certificate(pem, peer_));
    const bool is_member = purpose_of(wanted.identity) == authority::LeafPurpose::member;
    const std::string uri =
        is_member ? member_uri(text.federation, statement_.role, statement_.names.front()) : std::string();
    prove_chain({.identity = wanted.identity, .names = statement_.names, .uri = uri, .client = is_member}, certificates,
                root, wanted.key, clock_());
    return certificates;
  }

  const JoinRequest& request_;
  const JoinToken& token_;
  const Clock& clock_;
  std::string peer_;
  JoinStatement statement_;
  Bytes authority_key_;
  SecretBytes session_secret_;
};

}  // namespace

AuthoritySeen look_at_authority(const tls::Target& primary, const SecretBytes& token_text,
                                std::chrono::milliseconds deadline) {
  const JoinToken token = read_token(view_of(token_text));
  const tls::ClientContext context(pinning(token));
  try {
    const tls::Connection connection = tls::Connection::connect(primary, context, tls::within(deadline));
    return {.certificate = connection.peer_chain().at(0),
            .protocol = connection.protocol(),
            .pin = to_hex(token.authority_pin)};
  } catch (const Failure& failure) {
    if (failure.code() == "pin-mismatch") throw relay_suspected(address_of(primary));
    throw;
  }
}

Joined join(const JoinRequest& request, const SecretBytes& token_text, const Clock& clock) {
  const JoinToken token = read_token(view_of(token_text));
  if (request.names.empty() || request.identities.empty()) {
    throw Failure({.code = "bad-name",
                   .subject = "join",
                   .cause = "an appliance joins with its names and identities",
                   .hint = "run chancery init on this appliance first"});
  }
  const tls::ClientContext context(pinning(token));
  Attempt attempt(request, token, clock);
  std::optional<Joined> joined;
  try {
    (void)http::request_bound(
        request.primary, context, [&](const tls::Connection& connection) { return attempt.make(connection); },
        [&](const tls::Connection& connection, const http::Reply& reply) { joined = attempt.check(connection, reply); },
        request.deadline);
  } catch (const Failure& failure) {
    if (failure.code() == "pin-mismatch") throw relay_suspected(address_of(request.primary));
    throw;
  }
  return std::move(*joined);
}

}  // namespace chancery::federation
