// Who could not do without the root that goes: what keeps a rotation from its end (C8).
//
//   for (const Blocker& each : blockers(bench, desk, anchors)) …each.who, each.why…
//
// A member is done once it has proven the coming root itself, with its own leaves under it (federation/anchor_proof.h);
// its trust stores and its engine likewise. A collector is done once the portal's table says that it has proven the
// coming root, or that it depends on no root of the federation (docs/state.md, "Proven anchors"). Whoever is known and
// has not been heard of is not done. What was signed by hand under the root that goes is done once it was renewed, is
// revoked or is over. Nobody is asked anything here. Thread safety: one thread.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "appliance/authority/rotation.h"
#include "appliance/manager/authority_desk.h"

namespace chancery::manager {

struct Blocker {
  std::string who;   // what --forget takes: a member's name, a collector's id, MEMBER:PATH of a trust store,
                     // the owner of what was signed by hand (authority/signed_by_hand.h)
  std::string kind;  // "member", "collector", "trust-store", "signed-certificate"
  std::string name;  // for people: a collector's, a certificate's; "" where `who` says it
  std::optional<Instant> since;  // last heard of
  std::string why;
  std::string hint;
};
[[nodiscard]] std::vector<Blocker> blockers(Bench& bench, AuthorityDesk& desk, const authority::Anchors& anchors);
// Those whom a root that vanishes at once leaves behind: they cannot be told of the new one by what they trust.
[[nodiscard]] std::vector<Blocker> lost_at_once(Bench& bench, AuthorityDesk& desk, const authority::Anchors& anchors);

[[nodiscard]] nlohmann::json to_json(const std::vector<Blocker>& blockers);
void enter_lost(storage::Store& store, std::uint64_t number, const std::vector<Blocker>& lost, Instant when);
[[nodiscard]] nlohmann::json lost_json(const storage::Store& store);  // all, the newest rotation first

}  // namespace chancery::manager
