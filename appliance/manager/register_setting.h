// The two settings of settings/authority.toml that say where the register is, changed in its text: whatever else stands
// there, comments included, stays as it is.
//
//   const std::string text = with_register_setting(present, setting);      // Failure("bad-setting") where it is damaged
#pragma once

#include <string>

#include "appliance/settings/storage_setting.h"

namespace chancery::manager {

inline constexpr const char* register_settings = "settings/authority.toml";

[[nodiscard]] std::string with_register_setting(const std::string& text, const StorageSetting& setting);

}  // namespace chancery::manager
