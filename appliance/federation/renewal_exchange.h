// POST /renew as the one who asks sees it, whether a member (renewal.h) or whoever holds a certificate signed by hand
// (signed_renewal.h): what is said, and what of the answer is believed. Internal to appliance/federation.
//
//   RenewalExchange exchange(address, present, key, identities, clock);
//   http::Request request = exchange.ask(connection, authority_key);
//   auto chains = exchange.check(reply, federation, [&](const JoinIdentity& each, const Chain& chain) { prove_chain(…); });
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "appliance/federation/join.h"
#include "appliance/federation/transcript.h"
#include "appliance/http/client.h"

namespace chancery::federation {

class RenewalExchange {
 public:
  using Chain = std::vector<Certificate>;
  // Throws where the chain is not what was asked for.
  using Proof = std::function<void(const JoinIdentity&, const Chain&)>;

  // `present` and `key`: the certificate that is renewed by, and its key. Refers to all but the peer.
  RenewalExchange(std::string peer, const Certificate& present, const PrivateKey& key,
                  const std::vector<JoinIdentity>& identities, const Clock& clock);

  // Bound to this session; the answer must be signed by `authority_key` (SubjectPublicKeyInfo, DER).
  http::Request ask(const tls::Connection& connection, Bytes authority_key);
  // Signed by that key over this very session, to our nonce, by a clock near ours, for exactly our identities, and each
  // chain proven. `federation` "": not compared. Failures: those of renewal.h.
  [[nodiscard]] std::map<std::string, Chain> check(const http::Reply& reply, const std::string& federation,
                                                   const Proof& prove) const;

 private:
  std::map<std::string, Chain> proven(const std::string& body, const std::string& federation, const Proof& prove) const;

  std::string peer_;
  const PrivateKey& key_;
  const std::vector<JoinIdentity>& identities_;
  const Clock& clock_;
  JoinStatement statement_;
  Bytes authority_key_;
  SecretBytes session_secret_;
};

}  // namespace chancery::federation
