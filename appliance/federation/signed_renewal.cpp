#include "appliance/federation/signed_renewal.h"

#include "appliance/federation/authority_link.h"
#include "appliance/federation/renewal_exchange.h"
#include "appliance/federation/reply_proof.h"
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

}  // namespace

std::vector<Certificate> renew_signed(const SignedRenewal& request, const Clock& clock) {
  const std::string peer = address_of(request.authority);
  const tls::ClientContext context(trusting(request.roots));
  const bool client = is_client(request.certificate);
  const std::vector<JoinIdentity> wanted{{client ? "client" : "server", request.next}};
  std::vector<std::string> names;
  for (const AlternativeName& name : request.certificate.names()) names.push_back(name.value);
  RenewalExchange exchange(peer, request.certificate, request.key, wanted, clock);
  const auto prove = [&](const JoinIdentity& each, const std::vector<Certificate>& chain) {
    prove_chain({.identity = each.identity, .names = names, .uri = {}, .server = !client, .client = client}, chain,
                request.roots, each.key, clock());
  };
  std::map<std::string, std::vector<Certificate>> chains;
  ask_issuer(
      request.authority, context,
      [&](const tls::Connection& connection) {
        return exchange.ask(connection, key_in(connection.peer_chain().at(0), peer));
      },
      [&](const tls::Connection&, const http::Reply& reply) { chains = exchange.check(reply, "", prove); },
      request.deadline);
  return chains.at(wanted.front().identity);
}

}  // namespace chancery::federation
