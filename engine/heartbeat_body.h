// What a heartbeat says, as JSON.
#pragma once

#include <string>
#include <vector>

#include "appliance/serving/member_proof.h"
#include "appliance/serving/serving_program.h"
#include "engine/devices.h"

namespace chancery::engine {

struct HeartbeatNews {
  const std::vector<Device>& devices;  // whose anchoring is told in this beat
  std::size_t pending = 0;             // how many are left for later ones
  serving::MemberProof::Report own;
  std::string customer_key;  // the id of the one in force; "" where there is none
};

[[nodiscard]] std::string heartbeat_body(const serving::Program& program, const Devices& devices,
                                         const HeartbeatNews& news);

}  // namespace chancery::engine
