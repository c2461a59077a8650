// The portal's web app as it is built from web/ into the program.
#pragma once

#include <span>

#include "appliance/pages/asset_routes.h"

namespace chancery::portal {

[[nodiscard]] std::span<const pages::Asset> assets();

}  // namespace chancery::portal
