// An engine's part in rehearsals (appliance/rehearsal): asked by the certificate manager of its own appliance on the
// control socket, `{"verb":"rehearse","question":{…}}`, and by the portal of the federation, `POST /api/v1/rehearsal`.
//
//   about engine      the collectors of the endpoints that change, and the portal, which is a client of the engine
//   about portal      the engine itself, by its CA bundle, and the collectors that ask a portal for their engine
//   about own trust   which servers the engine would no longer reach: the portal, its database
//   about retirement  collectors, of the engine's own chains without cross certificates and with that root gone; and as
//                     about own trust
//
// Registers both; nothing runs until somebody asks.
#pragma once

#include "appliance/rehearsal/trusted_peers.h"
#include "appliance/serving/serving_program.h"
#include "engine/rehearsal.h"

namespace chancery::engine {

// `servers`: besides the portal, whom the engine reaches under its CA bundle.
void add_rehearsal(serving::Program& program, CollectorRehearsal& collectors,
                   std::vector<rehearsal::TrustedPeer> servers);

}  // namespace chancery::engine
