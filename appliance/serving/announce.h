// Lets collectors find this server, where its settings say so (wire/discovery_server.h): a thread of the program's own. What
// it tells is the port of the program's endpoint for collectors; none while that is closed. A UDP port that cannot be
// had is a condition ("discovery"), not the end of the program.
#pragma once

#include "appliance/serving/serving_program.h"
#include "appliance/settings/discovery_settings.h"

namespace chancery::serving {

// `endpoints`: by name, the first that is open counts.
void announce(Program& program, const DiscoverySettings& settings, const std::vector<std::string>& endpoints);

}  // namespace chancery::serving
