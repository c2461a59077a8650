// After the swap: collectors that are connected to a changed identity's endpoints make another connection, as their next
// one would be, and where more than a share of them cannot, the change is taken back (change/transaction.h).
//
//   CollectorWatch watch = usual_watch(state_path);      // settings/manager.toml: watch = 10, watch-share = 5
//   std::string seen = watch_collectors(appliance, watch, {"engine"});     // throws Failure("collectors-lost")
//
// Open connections outlive a swap, so nothing else would show before they end. It takes as long as the slowest answer,
// at most `span`; of more collectors than 200 a second could come, so many are asked. Those in `spared` were known to
// break, and do not count. "" and no waiting where no collector is connected, or no engine runs.
#pragma once

#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "appliance/settings/appliance.h"

namespace chancery::manager {

struct CollectorWatch {
  std::chrono::seconds span{0};  // zero: nobody is asked
  int share = 5;                 // percent that may fail
  std::set<std::string> spared = {};
};

// Failure("bad-setting").
[[nodiscard]] CollectorWatch usual_watch(const std::string& state_path);
[[nodiscard]] std::string watch_collectors(const Appliance& appliance, const CollectorWatch& watch,
                                           const std::vector<std::string>& identities);

}  // namespace chancery::manager
