// Asking a program of this appliance over its control socket.
//
//   json reply = ask_program(state, "portal", {{"verb", "collector-list"}}, "the portal of the primary knows them: ask there");
//
// The reply without its "ok". Failures: what the program refuses with; "not-running", with `hint`, where nobody answers.
// Waits half a minute at most. Thread safety: no state.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace chancery::manager {

[[nodiscard]] nlohmann::json ask_program(const std::string& state, const std::string& program,
                                         const nlohmann::json& question, const std::string& hint);

}  // namespace chancery::manager
