// What a collector reports of the machine it runs on.
#pragma once

#include "appliance/wire/collector_messages.h"

namespace chancery::collector {

// Host, system and addresses; the fields about trust are the caller's.
[[nodiscard]] wire::Facts host_facts();

}  // namespace chancery::collector
