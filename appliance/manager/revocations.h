// What the federation's authority has taken back, as this appliance knows it (trust/federation/crl.pem).
//
//   const auto lists = lists_of_authority(bench);                // own register; a secondary has them from the bulletin
//   if (lists_differ(lists_in_force(bench.current()), lists, now)) … finish(bench, plan_revocations(bench, lists), call);
//
// One list for each issuing CA that counts: two in the middle of a rotation. They are put in force by the transaction,
// as every change is; the serving programs ask them for every request of a member. Absent while nothing was ever
// revoked. Failure("bad-crl") for lists that no issuing CA of this federation has signed.
#pragma once

#include <vector>

#include "appliance/change/plan.h"
#include "appliance/federation/bulletin.h"
#include "appliance/manager/bench.h"
#include "appliance/membership/revocation_list.h"

namespace chancery::manager {

using RevocationLists = std::vector<RevocationList>;

[[nodiscard]] RevocationLists lists_in_force(const backup::Generation& generation);  // none: never anything
// A primary's own.
[[nodiscard]] RevocationLists lists_of_authority(Bench& bench);
// Those that came with a bulletin, each signed by an issuing CA under a root that counts.
[[nodiscard]] RevocationLists lists_in(Bench& bench, const federation::News& news);
// Whether `candidate` says something else than `present`, or has to take its place because that ends. A list never
// goes back, and one of a CA that never revoked anything is not kept.
[[nodiscard]] bool lists_differ(const RevocationLists& present, const RevocationLists& candidate, Instant now);
[[nodiscard]] change::Plan plan_revocations(Bench& bench, const RevocationLists& lists);

}  // namespace chancery::manager
