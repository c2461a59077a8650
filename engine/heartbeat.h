// Tells the portal, every few seconds, that this engine lives: HTTPS, verified by the engine's own client trust
// (ca-bundle.crt, P24), presenting the member identity. Trust that is appended counts from the next beat on.
#pragma once

#include "appliance/serving/serving_program.h"
#include "engine/devices.h"

namespace chancery::engine {

// Registers what has to follow a change of generation, and starts the thread.
void start_heartbeat(serving::Program& program, const Devices& devices, std::chrono::seconds interval);

}  // namespace chancery::engine
