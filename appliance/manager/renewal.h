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

struct RenewalNeed {
  std::map<std::string, preflight::Identity> defaults;  // by identity
  std::optional<Instant> next;                          // when the first of them is due, jitter included
  // Those past two thirds of their life: they are renewed together, in one change, once the first is due.
  [[nodiscard]] std::vector<std::string> renewable(Instant now) const;
};
[[nodiscard]] RenewalNeed renewal_need(const backup::Generation& generation, const Appliance& appliance);

}  // namespace chancery::manager
