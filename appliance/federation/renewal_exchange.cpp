#include "appliance/federation/renewal_exchange.h"

#include "appliance/federation/authority_link.h"
#include "appliance/federation/join_wire.h"
#include "appliance/federation/reply_proof.h"
#include "keystore/bytes/text_encoding.h"

namespace chancery::federation {

RenewalExchange::RenewalExchange(std::string peer, const Certificate& present, const PrivateKey& key,
                                 const std::vector<JoinIdentity>& identities, const Clock& clock)
    : peer_(std::move(peer)), key_(key), identities_(identities), clock_(clock) {
  statement_.token_id = from_hex(present.fingerprint());
  for (const JoinIdentity& each : identities) {
    statement_.requests.push_back({each.identity, CertificateRequest::make(each.key, {})});
  }
  const SecretBytes nonce = random_secret(nonce_size);
  statement_.nonce.assign(nonce.begin(), nonce.end());
  statement_.time = clock().time_since_epoch().count();
}

http::Request RenewalExchange::ask(const tls::Connection& connection, Bytes authority_key) {
  authority_key_ = std::move(authority_key);
  session_secret_ = connection.exporter(renewal_session_label, session_secret_size);
  const SecretBytes transcript = joiner_transcript(statement_, view_of(session_secret_), Exchange::renewal);
  return {.method = "POST",
          .path = "/renew",
          .content_type = "application/json",
          .body = write_renewal({statement_, key_.sign(view_of(transcript))}),
          .headers = host_header(connection)};
}

std::map<std::string, RenewalExchange::Chain> RenewalExchange::check(const http::Reply& reply,
                                                                     const std::string& federation,
                                                                     const Proof& prove) const {
  if (reply.status != 200) refused(reply, clock_(), peer_);
  try {
    return proven(reply.body, federation, prove);
  } catch (const Failure& failure) {
    if (failure.code() != "join-malformed" && failure.code() != "not-a-certificate") throw;
    reply_invalid(peer_, failure.cause());
  }
}

std::map<std::string, RenewalExchange::Chain> RenewalExchange::proven(const std::string& body,
                                                                      const std::string& federation,
                                                                      const Proof& prove) const {
  const SignedReply reply = read_signed_reply(body);
  const SecretBytes transcript =
      authority_transcript(statement_, view_of(session_secret_), reply.text, Exchange::renewal);
  if (!verify_signature(authority_key_, view_of(transcript), reply.signature)) {
    reply_invalid(peer_, "its signature is wrong");
  }
  const RenewalText text = read_renewal_text(reply.text);
  if (text.nonce != statement_.nonce) reply_invalid(peer_, "it answers another question");
  if (!federation.empty() && text.federation != federation) reply_invalid(peer_, "it speaks for another federation");
  check_skew(text.time, clock_(), peer_);
  if (text.chains_pem.size() != identities_.size()) reply_invalid(peer_, "it has other identities");
  std::map<std::string, Chain> chains;
  for (const JoinIdentity& each : identities_) {
    const auto found = text.chains_pem.find(each.identity);
    if (found == text.chains_pem.end()) reply_invalid(peer_, "there is no certificate for " + each.identity);
    Chain& chain = chains[each.identity];
    for (const std::string& pem : found->second) chain.push_back(one_certificate(pem, peer_));
    prove(each, chain);
  }
  return chains;
}

}  // namespace chancery::federation
