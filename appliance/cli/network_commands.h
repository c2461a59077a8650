// The two commands that look at servers: finder.cpp, probe.cpp. Their rows of the command table are in network.cpp.
#pragma once

namespace chancery::cli {

class Session;
[[nodiscard]] int run_finder(Session& session);
[[nodiscard]] int run_probe(Session& session);

}  // namespace chancery::cli
