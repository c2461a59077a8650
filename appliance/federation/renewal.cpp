#include "appliance/federation/renewal.h"

#include "appliance/federation/authority_link.h"
#include "appliance/federation/member_uri.h"
#include "appliance/federation/renewal_exchange.h"
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

}  // namespace

Instant renewable_from(const Certificate& leaf) { return leaf.not_before() + life_of(leaf) * 2 / 3; }

Instant renew_at(const Certificate& leaf) {
  constexpr int share = 20;
  const Bytes digest = from_hex(leaf.fingerprint());
  const std::int64_t drawn = (digest.at(0) << 8) | digest.at(1);  // of 65,536
  return renewable_from(leaf) + life_of(leaf) * drawn / (std::int64_t{1} << 16) / share;
}

Renewed renew(const RenewalRequest& request, const Clock& clock) {
  const std::string peer = address_of(request.authority);
  const tls::ClientContext context(pinning(request.authority_pin));
  const Borne borne = borne_by(request.member);
  RenewalExchange exchange(peer, request.member, request.member_key, request.identities, clock);
  const auto prove = [&](const JoinIdentity& each, const std::vector<Certificate>& chain) {
    const bool is_member = purpose_of(each.identity) == authority::LeafPurpose::member;
    prove_chain({.identity = each.identity,
                 .names = borne.names,
                 .uri = is_member ? borne.uri : std::string(),
                 .client = is_member},
                chain, request.roots, each.key, clock());
  };
  Renewed renewed;
  try {
    ask_issuer(
        request.authority, context,
        [&](const tls::Connection& connection) {
          return exchange.ask(connection, pinned_key(connection, request.authority_pin, peer));
        },
        [&](const tls::Connection&, const http::Reply& reply) {
          renewed.chains = exchange.check(reply, request.federation, prove);
        },
        request.deadline);
  } catch (const Failure& failure) {
    if (failure.code() == "pin-mismatch") throw relay_suspected(peer, Exchange::renewal);
    throw;
  }
  return renewed;
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
