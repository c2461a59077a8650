#include "appliance/manager/authority_news.h"

#include <algorithm>

#include "appliance/manager/authority_desk.h"
#include "keystore/bytes/text_encoding.h"

namespace chancery::manager {

Failure not_joined(const Bench& bench) {
  return Failure({.code = "not-joined",
                  .subject = bench.appliance.name,
                  .cause = "this appliance is in no federation: there is no authority to ask",
                  .hint = "join one first: chancery federation join --primary HOST:PORT --token-file F"});
}

tls::Target authority_target(const FederationFacts& facts) {
  return {.host = facts.authority_host, .port = facts.authority_port, .name = {}};
}

Sha256 authority_pin(const FederationFacts& facts) {
  const Bytes pin = from_hex(facts.authority_pin);
  Sha256 digest{};
  if (pin.size() != digest.size()) {
    throw Failure({.code = "federation-damaged",
                   .subject = FederationFacts::path,
                   .cause = "it does not say which key the federation's authority has",
                   .hint = "go back to a generation that has it: chancery generation rollback N; or join again"});
  }
  std::ranges::copy(pin, digest.begin());
  return digest;
}

federation::News news_of_authority(Bench& bench) {
  const auto facts = FederationFacts::read(bench.current());
  if (!facts) throw not_joined(bench);
  if (bench.appliance.role == Role::secondary) {
    return federation::fetch_news(authority_target(*facts), authority_pin(*facts), facts->federation);
  }
  AuthorityDesk desk(bench);
  return {.bulletin = federation::bulletin_of(desk.authority), .lists = desk.authority.revocation_lists()};
}

}  // namespace chancery::manager
