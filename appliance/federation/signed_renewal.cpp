#include "appliance/federation/signed_renewal.h"

#include "appliance/federation/authority_link.h"
#include "appliance/federation/join_wire.h"
#include "appliance/federation/reply_proof.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/x509/der.h"

namespace chancery::federation {
namespace {

constexpr const char* client_auth = "1.3.6.1.5.5.7.3.2";

tls::ClientOptions trusting(const std::vector<Certificate>& roots) {
  tls::ClientOptions options;
  for (const Certificate& root : roots) {
    const std::string pem = root.to_pem();
    options.trust_pem.insert(options.trust_pem.end(), pem.begin(), pem.end());
  }
  options.minimum_protocol = "TLSv1.3";
  options.alpn = {"http/1.1"};
  return options;
}

Bytes key_in(const Certificate& certificate, const std::string& peer) {
  const auto outline = chancery::der::outline_of(certificate.der());
  if (!outline) reply_invalid(peer, "its TLS certificate cannot be read");
  return {outline->key.begin(), outline->key.end()};
}

bool is_client(const Certificate& certificate) {
  const std::vector<std::string> usages = certificate.extended_key_usages();
  return std::find(usages.begin(), usages.end(), client_auth) != usages.end();
}

class Exchanged {
 public:
  Exchanged(const SignedRenewal& request, const Clock& clock)
      : request_(request),
        clock_(clock),
        peer_(address_of(request.authority)),
        identity_(is_client(request.certificate) ? "client" : "server") {
    statement_.token_id = from_hex(request.certificate.fingerprint());
    statement_.requests.push_back({identity_, CertificateRequest::make(request.next, {})});
    const SecretBytes nonce = random_secret(nonce_size);
    statement_.nonce.assign(nonce.begin(), nonce.end());
    statement_.time = clock().time_since_epoch().count();
  }

  http::Request make(const tls::Connection& connection) {
    authority_key_ = key_in(connection.peer_chain().at(0), peer_);
    session_secret_ = connection.exporter(renewal_session_label, session_secret_size);
    const SecretBytes transcript = joiner_transcript(statement_, view_of(session_secret_), Exchange::renewal);
    return {.method = "POST",
            .path = "/renew",
            .content_type = "application/json",
            .body = write_renewal({statement_, request_.key.sign(view_of(transcript))}),
            .headers = host_header(connection)};
  }

  std::vector<Certificate> check(const http::Reply& reply) const {
    if (reply.status != 200) refused(reply, clock_(), peer_);
    try {
      return proven(read_signed_reply(reply.body));
    } catch (const Failure& failure) {
      if (failure.code() != "join-malformed" && failure.code() != "not-a-certificate") throw;
      reply_invalid(peer_, failure.cause());
    }
  }

 private:
  std::vector<Certificate> proven(const SignedReply& reply) const {
    const SecretBytes transcript =
        authority_transcript(statement_, view_of(session_secret_), reply.text, Exchange::renewal);
    if (!verify_signature(authority_key_, view_of(transcript), reply.signature)) {
      reply_invalid(peer_, "its signature is wrong");
    }
    const RenewalText text = read_renewal_text(reply.text);
    if (text.nonce != statement_.nonce) reply_invalid(peer_, "it answers another question");
    check_skew(text.time, clock_(), peer_);
    const auto found = text.chains_pem.find(identity_);
    if (found == text.chains_pem.end() || text.chains_pem.size() != 1) reply_invalid(peer_, "it has other identities");
    std::vector<Certificate> chain;
    for (const std::string& pem : found->second) chain.push_back(one_certificate(pem, peer_));
    std::vector<std::string> names;
    for (const AlternativeName& name : request_.certificate.names()) names.push_back(name.value);
    prove_chain({.identity = identity_,
                 .names = names,
                 .uri = {},
                 .server = identity_ == "server",
                 .client = identity_ == "client"},
                chain, request_.roots, request_.next, clock_());
    return chain;
  }

  const SignedRenewal& request_;
  const Clock& clock_;
  std::string peer_;
  std::string identity_;
  JoinStatement statement_;
  Bytes authority_key_;
  SecretBytes session_secret_;
};

}  // namespace

std::vector<Certificate> renew_signed(const SignedRenewal& request, const Clock& clock) {
  const tls::ClientContext context(trusting(request.roots));
  Exchanged exchange(request, clock);
  std::vector<Certificate> chain;
  (void)http::request_bound(
      request.authority, context, [&](const tls::Connection& connection) { return exchange.make(connection); },
      [&](const tls::Connection&, const http::Reply& reply) { chain = exchange.check(reply); }, request.deadline);
  return chain;
}

}  // namespace chancery::federation
