// The engine's HTTPS Web API.
//
//   GET /healthz            200 "ok" while it serves
//   GET /api/v1/status      name, version, generation, how many devices; for anybody: the finder and the portal ask it
//   POST /api/v1/blocked    {"ids":[…]}: which collectors are blocked in the federation; for the portal alone
//   GET /api/v1/openapi.json  all of this, OpenAPI 3.1
//   GET /api/v1/devices     filters and pages: device_query.h; for the portal (ALPN chancery-member/1) and the administrator
//   GET /api/v1/devices/ID  one of them
//   GET /api/v1/summary     how many of which system, version, trust, root and tag
#pragma once

#include <functional>

#include "appliance/serving/serving_program.h"
#include "appliance/sign_in/administrator.h"
#include "engine/devices.h"

namespace chancery::engine {

// `on_blocked` is called when a portal has given another list.
void add_web_api(serving::Program& program, Devices& devices, Administrator& administrator,
                 std::function<void()> on_blocked);

}  // namespace chancery::engine
