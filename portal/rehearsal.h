// A portal's part in rehearsals (appliance/rehearsal): asked by the certificate manager of its own appliance on the
// control socket, `{"verb":"rehearse","question":{…}}`, and by engines, `POST /api/v1/rehearsal`.
//
//   about portal      every engine that it knows: each judges by its own trust, and asks its collectors that use a portal.
//                     Where an endpoint closes, the portal itself knows by which of its endpoints each collector came last
//   about engine      (asked by that engine) the portal itself, as the client that it is, by the engine's internal name
//   about own trust   which servers the portal would no longer reach: engines, directory, mail
//   about retirement  every engine, of its own chains; and as about own trust
//
// Registers both; nothing runs until somebody asks. At most 16 engines are asked at a time.
#pragma once

#include "appliance/serving/serving_program.h"
#include "appliance/settings/program_settings.h"
#include "portal/applicants.h"
#include "portal/engines.h"

namespace chancery::portal {

// `engines` and `applicants` are borrowed.
void add_rehearsal(serving::Program& program, const Engines& engines, const Applicants& applicants,
                   const PortalSettings& settings);

}  // namespace chancery::portal
