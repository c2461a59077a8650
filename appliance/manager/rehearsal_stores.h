// Trust stores of others on this machine, judged in a rehearsal: Java keystores that Chancery put something into, and the
// operating system's. Whoever trusts by them trusts the present chain and would not trust the next one.
//
//   rehearsal::Report report = judge_stores(bench, present, candidate);
//
// A store that does not anchor the present chain is not counted. Names are not compared: nobody here knows under which
// name its users come. A store that nobody can look into is silent. Nothing is changed.
#pragma once

#include <vector>

#include "appliance/manager/bench.h"
#include "appliance/rehearsal/report.h"

namespace chancery::manager {

[[nodiscard]] rehearsal::Report judge_stores(Bench& bench, const std::vector<Certificate>& present,
                                             const std::vector<Certificate>& candidate);

}  // namespace chancery::manager
