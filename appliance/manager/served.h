// What is really served: handshakes with every endpoint of the programs that run, all at once.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "appliance/change/programs.h"
#include "appliance/manager/bench.h"

namespace chancery::manager {

struct ServedEndpoint {
  change::ProgramEndpoint endpoint;
  std::string program;
  std::string sha256;  // of the leaf seen in the handshake; "" when there was none
  std::vector<Certificate> chain;
  std::string problem;  // why not
};

// Takes as long as the slowest handshake, 3 s at most.
[[nodiscard]] std::vector<ServedEndpoint> look_at_served(const Appliance& appliance,
                                                         const std::vector<change::ProgramStatus>& programs);

// What is installed beside it: {"generation","identities":[…],"pending":[…]} (inventory.cpp).
[[nodiscard]] nlohmann::json inventory(Bench& bench, const std::vector<ServedEndpoint>& served);

// Programs as they answer; those that do not are marked so, never a Failure.
[[nodiscard]] std::vector<change::ProgramStatus> programs_now(Bench& bench);

}  // namespace chancery::manager
