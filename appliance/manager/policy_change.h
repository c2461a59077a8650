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

// What `after` asks more of the clients of the endpoints that use it: a newer protocol, a client certificate. One that
// asks no more than before breaks nobody, and nobody is asked. Not judged: cipher and group lists.
[[nodiscard]] Rehearsed rehearse_profile(Bench& bench, const SecurityProfile& after,
                                         std::chrono::milliseconds deadline);
// The same for a plan, with its findings; nullopt where it is left out.
[[nodiscard]] std::optional<Rehearsed> rehearse_profile(Bench& bench, const SecurityProfile& after, change::Plan& plan,
                                                        const RehearsalOptions& options);

}  // namespace chancery::manager
