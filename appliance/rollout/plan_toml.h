// TOML as JSON text, so that a plan has one reader. Failure("plan-invalid") with the line. Internal to appliance/rollout.
#pragma once

#include <string>
#include <string_view>

namespace chancery::rollout {

[[nodiscard]] std::string json_of_toml(std::string_view text, const std::string& name);

}  // namespace chancery::rollout
