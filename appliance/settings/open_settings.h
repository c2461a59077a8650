// How every program finds its settings. For sources of settings/ only.
#pragma once

#include "appliance/settings/setting_file.h"

namespace chancery {

// STATE/settings/<program>.toml; an absent file says nothing, one that cannot be looked at is a Failure.
[[nodiscard]] SettingFile open_settings(const std::string& state, const std::string& program, const Environment& env);

// The right key, its bare form, and the reference appliance's name for it.
[[nodiscard]] SettingFile::Keys program_keys(const std::string& program, const std::string& key,
                                             const std::string& reference = {});

}  // namespace chancery
