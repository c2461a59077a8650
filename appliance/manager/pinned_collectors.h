// Which collectors of this appliance's engine, or of its portal, trust only roots of their own, as they last reported: read
// from the programs' databases (engine.db, assignment.db), so that a replacement can say whom it would lock out.
#pragma once

#include <string>
#include <vector>

#include "appliance/preflight/preflight.h"

namespace chancery::manager {

// Empty where there is no engine, or no collector has reported yet.
[[nodiscard]] std::vector<preflight::PinnedCollector> pinned_collectors(const std::string& state_path);

}  // namespace chancery::manager
