// What other appliances hold of this one's audit: a secondary asks the portal it sends heartbeats to, a primary every
// engine that sends it heartbeats, each over mutual TLS as members. Nobody to ask is an empty list; one that cannot be
// asked is in it with the reason.
#pragma once

#include <vector>

#include "appliance/audit/verification.h"
#include "appliance/manager/bench.h"

namespace chancery::manager {

[[nodiscard]] std::vector<audit::PeerHeads> heads_that_peers_hold(Bench& bench);

}  // namespace chancery::manager
