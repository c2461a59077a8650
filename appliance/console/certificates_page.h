// APPLIANCE > Certificates as a plain page: what is installed beside what is served (P2, read only).
#pragma once

#include <string>

#include "appliance/http/server.h"
#include "appliance/settings/appliance.h"

namespace chancery::console {

// `inventory`: the JSON of `cert list` (contract.md).
[[nodiscard]] http::Answer certificates_page(const Appliance& appliance, const std::string& inventory);

}  // namespace chancery::console
