// Where the engines of members are asked: where their heartbeats came from, as the portal of this appliance has noted it
// (databases/portal.db).
#pragma once

#include <map>
#include <string>

#include "appliance/tls/connection.h"

namespace chancery::manager {

// By member name; `name` of a target is the engine's internal name. Empty where no portal has written anything yet.
[[nodiscard]] std::map<std::string, tls::Target> member_addresses(const std::string& state_path);

// "192.0.2.7:443", "[2001:db8::7]:443", "engine.lan". Failure("bad-address").
[[nodiscard]] tls::Target target_at(const std::string& address, const std::string& name);

}  // namespace chancery::manager
