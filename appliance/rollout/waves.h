// How a rollout goes forward: "1,10%,100%" is one member, then as many as make a tenth, then the rest.
//
//   parse_waves("1,10%,100%", 30)    // {1, 2, 27}: how many members each wave has, in order
//
// Each figure counts all members up to the end of its wave; percentages are rounded up. A wave that would add nobody is
// left out. The last must reach everybody: a rollout that ends before is one that was stopped.
#pragma once

#include <string_view>
#include <vector>

namespace chancery::rollout {

inline constexpr const char* usual_waves = "1,10%,100%";

// Failure("bad-waves"). `members` is at least 1.
[[nodiscard]] std::vector<std::size_t> parse_waves(std::string_view text, std::size_t members);

}  // namespace chancery::rollout
