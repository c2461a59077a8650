// A device's Anchoring as text for a column of its row.
#pragma once

#include <string>

#include "engine/devices.h"

namespace chancery::engine {

[[nodiscard]] std::string to_text(const Anchoring& anchoring);         // "" for one that is not known
[[nodiscard]] Anchoring anchoring_from_text(const std::string& text);  // what cannot be read is not known

}  // namespace chancery::engine
