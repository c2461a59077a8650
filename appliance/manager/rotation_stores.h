// Trust stores that hold a root of the federation, and whether they could do without the one that goes.
//
//   for (const StoreStanding& each : store_standings(bench, coming, going)) …each.who, each.held…
//
// The engine's bundle and the portal's keystore of the generation, and what Chancery put into stores of others and into
// the operating system's trust (trust/managed_anchors.h). A store counts where it holds the going root: whoever reads it
// would trust nobody once that is gone. Nothing here shakes hands; that is done with the very certificate that a store
// holds (`coming`). Thread safety: one thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "appliance/manager/bench.h"

namespace chancery::manager {

struct StoreStanding {
  std::string who;                    // its path; of the generation's own "trust/engine/ca-bundle.crt"
  std::optional<Certificate> coming;  // as it stands in the store; nullopt: it is not there
  std::string why;                    // where it is not, or where nobody can look
  std::string hint;
};
[[nodiscard]] std::vector<StoreStanding> store_standings(Bench& bench, const Certificate& coming,
                                                         const Certificate& going);

}  // namespace chancery::manager
