// The devices of all engines together: asked of each engine over the portal's mutual TLS link at the moment somebody
// looks, so that nothing is kept twice and nothing is stale.
//
//   GET /api/v1/devices    the engines' own filters (openapi.json), and engine=NAME; pages go through the engines by name
//   GET /api/v1/devices/ID one of them
//   GET /api/v1/summary    all engines' counts, added up and each
//   GET /devices           a page of the same for people
//
// An engine that does not answer is named in "unreachable", and the others' devices are shown all the same.
#pragma once

#include <functional>
#include <optional>

#include "appliance/serving/serving_program.h"
#include "portal/engines.h"

namespace chancery::portal {

// Whoever may not look gets the answer of `refusal`.
void add_devices(serving::Program& program, const Engines& engines,
                 std::function<std::optional<http::Answer>(const http::Call&)> refusal);

// All engines' counts as the summary has them: another text when they are others. Asks every engine.
[[nodiscard]] std::string device_counts(const Engines& engines);

}  // namespace chancery::portal
