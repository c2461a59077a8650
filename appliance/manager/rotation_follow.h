// Following a rotation: what the federation's bulletin (federation/bulletin.h) says, brought about on this appliance by
// one change.
//
//   if (needs_following(bench.current(), bench.appliance, bulletin)) … follow_rotation(bench, nullptr, bulletin, call);
//
// The bulletin says how things are to be, not what is to be done, so it does not matter which steps were missed or where
// an earlier attempt was cut short. By one plan: trust/federation (roots.pem, retired.pem, cross.pem) is as it says;
// stores that hold a root of the federation (the engine's bundle, the portal's keystore, known.pem) get the new ones and
// lose the retired ones; what the former issuing CA issued is followed by new leaves under new keys; chains lose a cross
// certificate that is no more. Custom certificates stay. Thread safety: one thread.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "appliance/federation/bulletin.h"
#include "appliance/manager/bench.h"

namespace chancery::manager {

class AuthorityDesk;

// What was followed last; nullopt: nothing yet.
[[nodiscard]] std::optional<federation::Bulletin> followed_bulletin(const backup::Generation& generation);
[[nodiscard]] std::uint64_t followed_number(const backup::Generation& generation);  // its number; 0: nothing yet

// Identities that present, or would present after a reset, something that another CA than the bulletin's issued.
[[nodiscard]] std::vector<std::string> outdated_identities(const backup::Generation& generation,
                                                           const Appliance& appliance,
                                                           const federation::Bulletin& bulletin);

// False also for a bulletin that is older than the one followed: never back.
[[nodiscard]] bool needs_following(const backup::Generation& generation, const Appliance& appliance,
                                   const federation::Bulletin& bulletin);

// Under the writer's lock. `desk` is a primary's own authority, nullptr on a secondary, which asks its primary's. The
// reply is finish()'s. Where new leaves cannot be had at the moment, roots that are retired go all the same, and the
// Failure follows.
nlohmann::json follow_rotation(Bench& bench, AuthorityDesk* desk, const federation::Bulletin& bulletin,
                               const Call& call);

}  // namespace chancery::manager
