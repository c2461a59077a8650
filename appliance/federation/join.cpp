#include "appliance/federation/join.h"

#include <algorithm>

#include "appliance/federation/authority_link.h"
#include "appliance/federation/join_wire.h"
#include "appliance/federation/member_uri.h"
#include "appliance/federation/reply_proof.h"
#include "appliance/federation/token.h"
#include "appliance/http/client.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"

namespace chancery::federation {
namespace {

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
    authority_key_ = pinned_key(connection, token_.authority_pin, peer_);
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
                {root}, wanted.key, clock_());
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
  const tls::ClientContext context(pinning(token.authority_pin));
  try {
    const tls::Connection connection = tls::Connection::connect(primary, context, tls::within(deadline));
    return {.certificate = connection.peer_chain().at(0),
            .protocol = connection.protocol(),
            .pin = to_hex(token.authority_pin)};
  } catch (const Failure& failure) {
    if (failure.code() == "pin-mismatch") throw relay_suspected(address_of(primary), Exchange::join);
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
  const tls::ClientContext context(pinning(token.authority_pin));
  Attempt attempt(request, token, clock);
  std::optional<Joined> joined;
  try {
    ask_issuer(
        request.primary, context, [&](const tls::Connection& connection) { return attempt.make(connection); },
        [&](const tls::Connection& connection, const http::Reply& reply) { joined = attempt.check(connection, reply); },
        request.deadline);
  } catch (const Failure& failure) {
    if (failure.code() == "pin-mismatch") throw relay_suspected(address_of(request.primary), Exchange::join);
    throw;
  }
  return std::move(*joined);
}

}  // namespace chancery::federation
