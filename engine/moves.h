// An engine's part in moving collectors to another server (T4): asked by the certificate manager of its appliance on the
// control socket,
//
//   {"verb":"collector-move","host","port","name","anchors":[base64 DER],"only":[id or its beginning],"dry_run"}
//   {"ok":true,"outcome":"done|planned|unchanged","told":N,"absent":[id…]}
//
// ("host" "" and "port" 0: they stay, and trust the anchors as well), it hands the address and the CAs to those that
// are connected; `absent` are those asked for that are not. What each makes of it stands in the log. So that not all of
// them come to the other server at once, they are given a second for each 200 of them.
#pragma once

#include "appliance/serving/serving_program.h"
#include "engine/devices.h"
#include "engine/ingest.h"

namespace chancery::engine {

// All borrowed for the program's life.
void add_moves(serving::Program& program, const Devices& devices, Ingest& ingest);

}  // namespace chancery::engine
