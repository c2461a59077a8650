// The federation's revocation list on this appliance: trust/federation/crl.pem of the generation in force.
//
//   const RevocationList list = list_of_authority(bench);        // own register, or GET /crl of the primary's authority
//   json reply = finish(bench, plan_of(bench, list), call);
//
// A list counts only when an issuing CA that this appliance knows has signed it. Programs and preflight read it from the
// generation; being a change like any other, it is probed and goes back when a program does not take it.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "appliance/manager/bench.h"
#include "appliance/membership/revocation_list.h"

namespace chancery::manager {

[[nodiscard]] std::optional<RevocationList> list_in_force(const backup::Generation& generation);
// nullopt: in no federation. Failure("bad-crl") for a list that nobody of this federation has signed, and those of
// tls/connection.h where the primary is away. On a primary the caller holds the writer's lock.
[[nodiscard]] std::optional<RevocationList> list_of_authority(Bench& bench);
// Other entries, or two thirds of the present list's life are over; never a list older than the present one.
[[nodiscard]] bool is_newer(const std::optional<RevocationList>& present, const RevocationList& candidate, Instant now);
[[nodiscard]] change::Plan plan_revocations(Bench& bench, const RevocationList& list);

}  // namespace chancery::manager
