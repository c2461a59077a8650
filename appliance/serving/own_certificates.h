// The certificates of this appliance, for whoever shows those of the whole federation: each identity's leaf with the
// intermediates beside it, as chancery-manager tells them; where no manager answers, what this program serves itself.
//
//   {"certificates":[{"identity","source":"default|custom|","certificate":{…},"intermediates":[{…}]}]}
//
// Public matter: no keys, and nothing that a handshake with the endpoints would not show. Not asked is what other programs
// really serve at this moment (`chancery cert list` does). Waits 3 s at most. Thread safe.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "appliance/serving/serving_program.h"

namespace chancery::serving {

[[nodiscard]] nlohmann::json own_certificates(const Program& program);

}  // namespace chancery::serving
