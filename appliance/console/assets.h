// The console's web app as it is built from web/ into the program: public, for there is nothing of the appliance in it.
#pragma once

#include <span>

#include "appliance/pages/asset_routes.h"

namespace chancery::console {

[[nodiscard]] std::span<const pages::Asset> assets();

}  // namespace chancery::console
