// What `chancery collector` asks of a portal, on its control socket (docs/state.md).
#pragma once

#include "appliance/serving/serving_program.h"
#include "appliance/storage/store.h"
#include "portal/blocked.h"

namespace chancery::portal {

// Verbs collector-list and collector-block. Both stores are borrowed for the program's life.
void add_collector_commands(serving::Program& program, const storage::Store& store, Blocked& blocked);

}  // namespace chancery::portal
