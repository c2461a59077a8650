#include "appliance/manager/rotation_proof.h"

#include <algorithm>

#include "appliance/manager/authority_desk.h"
#include "appliance/manager/authority_news.h"
#include "appliance/manager/rotation_follow.h"
#include "appliance/manager/rotation_stores.h"

namespace chancery::manager {
namespace {

using federation::AnchorProof;
using federation::Bulletin;

// The root that goes is the one of those that count under which nothing is issued any more.
std::optional<Certificate> going_root(const Bulletin& bulletin) {
  for (const Certificate& root : bulletin.roots) {
    if (root != bulletin.root) return root;
  }
  return std::nullopt;
}

AnchorProof store_proof(const StoreStanding& standing, const tls::Target& authority, const Sha256& pin) {
  AnchorProof proof{.kind = "trust-store", .who = standing.who, .is_proven = false, .why = standing.why};
  if (!standing.coming) {
    proof.why += " (" + standing.hint + ")";
    return proof;
  }
  try {
    federation::shake_hands_under(authority, pin, *standing.coming);
    proof.is_proven = true;
  } catch (const Failure& failure) {
    proof.why = "a handshake that only its copy of the root anchors failed: " + failure.cause();
  }
  return proof;
}

std::vector<AnchorProof> proofs_of(Bench& bench, const Bulletin& bulletin, const FederationFacts& facts) {
  const auto outdated = outdated_identities(bench.current(), bench.appliance, bulletin);
  AnchorProof own{.kind = "member", .who = facts.member_name, .is_proven = outdated.empty(), .why = ""};
  if (!outdated.empty()) own.why = "its " + outdated.front() + " is still under the root that goes";
  std::vector<AnchorProof> proofs{own};
  const auto going = going_root(bulletin);
  if (!going) return proofs;
  for (const StoreStanding& each : store_standings(bench, bulletin.root, *going)) {
    proofs.push_back(store_proof(each, authority_target(facts), authority_pin(facts)));
  }
  return proofs;
}

}  // namespace

void prove_anchor(Bench& bench, const Bulletin& bulletin) {
  const auto facts = FederationFacts::read(bench.current());
  if (!facts) return;
  if (bench.appliance.role != Role::secondary) {
    federation::shake_hands_under(authority_target(*facts), authority_pin(*facts), bulletin.root);
    AuthorityDesk desk(bench);
    federation::keep_proofs(desk.authority.store(), facts->member_name, bulletin.root.fingerprint(),
                            proofs_of(bench, bulletin, *facts), bench.now());
    return;
  }
  const auto member = change::read_identity(bench.current(), "identities/member");
  if (!member || !member->key) return;
  federation::report_proofs({.authority = authority_target(*facts),
                             .authority_pin = authority_pin(*facts),
                             .member = member->leaf,
                             .member_key = *member->key},
                            {.root = bulletin.root, .proofs = proofs_of(bench, bulletin, *facts)}, bench.clock());
}

}  // namespace chancery::manager
