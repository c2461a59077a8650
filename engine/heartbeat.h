// Tells the portal, every few seconds, that this engine lives, what it serves, and which roots of the federation were
// proven to it (docs/state.md, "Proven anchors"): HTTPS, verified by the engine's own client trust (ca-bundle.crt, P24),
// presenting the member identity. Trust that is appended counts from the next beat on.
//
// At most 1,000 collectors a beat, those of which there is news; while there are more, a beat each second. A portal that
// was started anew is told of all.
#pragma once

#include <atomic>

#include "appliance/serving/serving_program.h"
#include "engine/devices.h"

namespace chancery::engine {

// Registers what has to follow a change of generation, and starts the thread. The interval is borrowed, and looked at
// for each beat.
void start_heartbeat(serving::Program& program, Devices& devices, const std::atomic<int>& interval_seconds);

}  // namespace chancery::engine
