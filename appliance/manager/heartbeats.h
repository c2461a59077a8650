// When the portal on this appliance last heard of each engine, read from its database (databases/portal.db).
#pragma once

#include <map>
#include <string>

#include "keystore/x509/instant.h"

namespace chancery::manager {

// By member name. Empty where there is no portal, or it has not written anything yet.
[[nodiscard]] std::map<std::string, Instant> heartbeats(const std::string& state_path);

}  // namespace chancery::manager
