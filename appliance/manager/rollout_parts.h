// What rollout.cpp and rollout_undo.cpp have in common. For these sources only.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "appliance/manager/rollout_course.h"

namespace chancery::manager {

// As people and scripts are shown it: {"outcome":"running", …} until it is over.
[[nodiscard]] nlohmann::json view_of_rollout(const Rollout& rollout, const std::vector<nlohmann::json>& events);
// What one member answered to a dry run: {"name","wave","verdict","report","error","note","unchanged"}.
[[nodiscard]] nlohmann::json judged(const RolloutMember& member, const RolloutAnswer& answer);

}  // namespace chancery::manager
