// The description (OpenAPI 3.1) of the Web API that engine and portal share: status, devices, summary. Each adds what it
// alone has; `system_fleet` holds both documents against the running programs.
//
//   device_api_description(R"json({"info": {"title": "Chancery engine"}, …})json");
//
// Objects are merged, member by member. A member "required+" is appended to the array "required"; any other value
// replaces what stood there. An operation's "shows": {"schema": "Page", "as": "One page"} becomes its answers 200, 401 and
// 429. Throws nlohmann's parse error: a mistake in the program, found by its first start.
#pragma once

#include <string>
#include <string_view>

namespace chancery::serving {

[[nodiscard]] std::string device_api_description(std::string_view own_part);

}  // namespace chancery::serving
