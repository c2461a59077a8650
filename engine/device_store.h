// The store of the engine's devices, by the setting `storage`: databases/engine.db, or a PostgreSQL server whose
// certificate is verified with the engine's own client trust (ca-bundle.crt, P24) of the generation in force when a
// connection is made. A new generation lets a server that could not be reached be tried at once.
//
// One database serves one engine. Failure of the file at once; a server is not asked before the first use.
#pragma once

#include <memory>

#include "appliance/serving/serving_program.h"
#include "appliance/settings/storage_setting.h"
#include "appliance/storage/store.h"

namespace chancery::engine {

[[nodiscard]] std::unique_ptr<storage::Store> open_device_store(serving::Program& program,
                                                                const StorageSetting& setting);

}  // namespace chancery::engine
