// A security profile that is about to ask more of clients: who of them could not give it (rehearsal.h).
#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "appliance/manager/rehearsal.h"
#include "appliance/settings/policy.h"

namespace chancery::manager {

// The profile as it is, with `settings` laid over it (policy.cpp). Failure("unknown-profile", "bad-profile", …).
[[nodiscard]] SecurityProfile profile_with(Bench& bench, const std::string& name, const nlohmann::json& settings);

// What `after` asks more of the clients of the endpoints that use it: TLS at all, a newer protocol, other suites or
// groups, a client certificate. One that asks no more than before breaks nobody.
[[nodiscard]] Rehearsed rehearse_profile(Bench& bench, const SecurityProfile& after,
                                         std::chrono::milliseconds deadline);

}  // namespace chancery::manager
