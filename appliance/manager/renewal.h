// What of this appliance's certificates the federation's authority issued, and when it is to be renewed.
//
//   const RenewalNeed need = renewal_need(bench.current(), bench.appliance);
//   if (need.next && bench.now() >= *need.next) …
//
// The defaults of every identity, custom certificates beside them or not. Self-signed defaults (before a join), defaults
// that are damaged, and those that already end with their issuing CA (a successor would end no later) are left out.
#pragma once

#include <map>
#include <optional>

#include "appliance/manager/bench.h"

namespace chancery::manager {

class AuthorityDesk;
using Material = std::map<std::string, preflight::Identity>;  // by identity

// Defaults that an authority issued, whenever they end; damaged ones are left out (the doctor tells).
[[nodiscard]] Material issued_defaults(const backup::Generation& generation, const Appliance& appliance);

// New leaves under new keys for `wanted` of `defaults`: from this appliance's own authority (`desk`), or from its
// primary's (nullptr), whose answer must be anchored at one of `roots`. authority-tls keeps its key. Under the writer's
// lock; nothing is in force yet. Failure("not-joined"), those of federation/renewal.h.
[[nodiscard]] Material obtain(Bench& bench, AuthorityDesk* desk, const Material& defaults,
                              const std::vector<std::string>& wanted, const std::vector<Certificate>& roots);
// Once they are in force: the roster, and the keys that waited on disk.
void after_renewal(Bench& bench, AuthorityDesk* desk, const Material& material);

struct RenewalNeed {
  Material defaults;
  std::optional<Instant> next;  // when the first of them is due, jitter included
  // Those past two thirds of their life: they are renewed together, in one change, once the first is due.
  [[nodiscard]] std::vector<std::string> renewable(Instant now) const;
};
[[nodiscard]] RenewalNeed renewal_need(const backup::Generation& generation, const Appliance& appliance);

}  // namespace chancery::manager
