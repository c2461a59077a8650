// The engine's part in orders from the primary (appliance/federation/order.h): POST /api/v1/order takes the sealed bytes
// from a primary that has shown its member certificate, hands them to the certificate manager of this appliance, and
// hands its sealed answer back. The engine can open neither and decides nothing.
#pragma once

#include "appliance/serving/serving_program.h"

namespace chancery::engine {

void relay_orders(serving::Program& program);

}  // namespace chancery::engine
