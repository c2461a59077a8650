// The verb collector-list: whom the portal knows, and who of them is blocked.
// {"collectors":[{"id","host","engine","last_seen","blocked"}]}. Failure("not-running") where no portal answers here.
#pragma once

#include <nlohmann/json_fwd.hpp>

namespace chancery::manager {

class Bench;
class Call;

[[nodiscard]] nlohmann::json collector_list(Bench& bench, Call& call);

}  // namespace chancery::manager
