// A small and a large federation rotate in turns, for authority-bench.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace chancery::bench {

[[nodiscard]] nlohmann::json rotations_in_turns(const std::vector<std::string>& words);

}  // namespace chancery::bench
