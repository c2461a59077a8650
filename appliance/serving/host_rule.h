// Which Host headers a serving program answers, against DNS rebinding: a page from elsewhere whose name was pointed at
// this machine must not be able to talk to it in the visitor's name.
//
// Answered: every name the appliance has, every name its served certificates bear, the very address the connection came
// to, and on loopback also "localhost". Everything else is a stranger. Thread safety: a pure function.
#pragma once

#include <string>
#include <vector>

#include "appliance/tls/serving_snapshot.h"

namespace chancery::serving {

// "portal.example.com:443" -> "portal.example.com"; "[::1]:443" -> "::1"; lower case.
[[nodiscard]] std::string host_of(const std::string& header);

// `local`: the address this end of the connection has, without port.
[[nodiscard]] bool answers_host(const std::string& header, const std::string& local,
                                const std::vector<std::string>& appliance_names, const tls::ServingSnapshot& serving);

}  // namespace chancery::serving
