#include "appliance/federation/renewal.h"

#include "appliance/federation/authority_link.h"
#include "appliance/federation/join_wire.h"
#include "appliance/federation/member_uri.h"
#include "appliance/federation/reply_proof.h"
#include "keystore/bytes/text_encoding.h"

namespace chancery::federation {
namespace {

std::chrono::seconds life_of(const Certificate& leaf) {
  return std::max(leaf.not_after() - leaf.not_before(), std::chrono::seconds{0});
}

// Those that a certificate of the federation bears: DNS names and addresses, and the member's URI.
struct Borne {
  std::vector<std::string> names;
  std::string uri;
};

Borne borne_by(const Certificate& member) {
  Borne borne;
  for (const AlternativeName& name : member.names()) {
    if (name.kind == AlternativeName::Kind::uri) {
      borne.uri = name.value;
    } else {
      borne.names.push_back(name.value);
    }
  }
  return borne;
}

// One attempt to renew: what was said, and what came of it.
class Attempt {
 public:
  Attempt(const RenewalRequest& request, const Clock& clock)
      : request_(request), clock_(clock), peer_(address_of(request.authority)), borne_(borne_by(request.member)) {
    statement_.token_id = from_hex(request.member.fingerprint());
    for (const JoinIdentity& each : request.identities) {
      statement_.requests.push_back({each.identity, CertificateRequest::make(each.key, {})});
    }
    const SecretBytes nonce = random_secret(nonce_size);
    statement_.nonce.assign(nonce.begin(), nonce.end());
    statement_.time = clock().time_since_epoch().count();
  }

  http::Request make(const tls::Connection& connection) {
    authority_key_ = pinned_key(connection, request_.authority_pin, peer_);
    session_secret_ = connection.exporter(renewal_session_label, session_secret_size);
    const SecretBytes transcript = joiner_transcript(statement_, view_of(session_secret_), Exchange::renewal);
    return {.method = "POST",
            .path = "/renew",
            .content_type = "application/json",
            .body = write_renewal({statement_, request_.member_key.sign(view_of(transcript))}),
            .headers = host_header(connection)};
  }

  Renewed check(const http::Reply& reply) const {
    if (reply.status != 200) refused(reply, clock_(), peer_);
    try {
      return proven(read_signed_reply(reply.body));
    } catch (const Failure& failure) {
      if (failure.code() == "join-malformed" || failure.code() == "not-a-certificate") {
        reply_invalid(peer_, failure.cause());
      }
      throw;
    }
  }

 private:
  Renewed proven(const SignedReply& reply) const {
    const SecretBytes transcript =
        authority_transcript(statement_, view_of(session_secret_), reply.text, Exchange::renewal);
    if (!verify_signature(authority_key_, view_of(transcript), reply.signature)) {
      reply_invalid(peer_, "its signature is wrong");
    }
    const RenewalText text = read_renewal_text(reply.text);
    if (text.nonce != statement_.nonce) reply_invalid(peer_, "it answers another question");
    if (text.federation != request_.federation) reply_invalid(peer_, "it speaks for another federation");
    check_skew(text.time, clock_(), peer_);
    if (text.chains_pem.size() != request_.identities.size()) reply_invalid(peer_, "it has other identities");
    Renewed renewed;
    for (const JoinIdentity& each : request_.identities) renewed.chains[each.identity] = chain(each, text);
    return renewed;
  }

  std::vector<Certificate> chain(const JoinIdentity& wanted, const RenewalText& text) const {
    const auto found = text.chains_pem.find(wanted.identity);
    if (found == text.chains_pem.end()) reply_invalid(peer_, "there is no certificate for " + wanted.identity);
    std::vector<Certificate> certificates;
    for (const std::string& pem : found->second) certificates.push_back(one_certificate(pem, peer_));
    const bool is_member = purpose_of(wanted.identity) == authority::LeafPurpose::member;
    prove_chain({.identity = wanted.identity,
                 .names = borne_.names,
                 .uri = is_member ? borne_.uri : std::string(),
                 .client = is_member},
                certificates, request_.roots, wanted.key, clock_());
    return certificates;
  }

  const RenewalRequest& request_;
  const Clock& clock_;
  std::string peer_;
  Borne borne_;
  JoinStatement statement_;
  Bytes authority_key_;
  SecretBytes session_secret_;
};

}  // namespace

Instant renewable_from(const Certificate& leaf) { return leaf.not_before() + life_of(leaf) * 2 / 3; }

Instant renew_at(const Certificate& leaf) {
  constexpr int share = 20;
  const Bytes digest = from_hex(leaf.fingerprint());
  const std::int64_t drawn = (digest.at(0) << 8) | digest.at(1);  // of 65,536
  return renewable_from(leaf) + life_of(leaf) * drawn / (std::int64_t{1} << 16) / share;
}

Renewed renew(const RenewalRequest& request, const Clock& clock) {
  const tls::ClientContext context(pinning(request.authority_pin));
  Attempt attempt(request, clock);
  std::optional<Renewed> renewed;
  try {
    (void)http::request_bound(
        request.authority, context, [&](const tls::Connection& connection) { return attempt.make(connection); },
        [&](const tls::Connection&, const http::Reply& reply) { renewed = attempt.check(reply); }, request.deadline);
  } catch (const Failure& failure) {
    if (failure.code() == "pin-mismatch") throw relay_suspected(address_of(request.authority), Exchange::renewal);
    throw;
  }
  return std::move(*renewed);
}

AuthoritySeen look_at_authority(const tls::Target& authority, const Sha256& pin, std::chrono::milliseconds deadline) {
  const tls::ClientContext context(pinning(pin));
  try {
    const tls::Connection connection = tls::Connection::connect(authority, context, tls::within(deadline));
    return {.certificate = connection.peer_chain().at(0), .protocol = connection.protocol(), .pin = to_hex(pin)};
  } catch (const Failure& failure) {
    if (failure.code() == "pin-mismatch") throw relay_suspected(address_of(authority), Exchange::renewal);
    throw;
  }
}

}  // namespace chancery::federation
