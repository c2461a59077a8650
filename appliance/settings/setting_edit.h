// One setting of a file changed, everything else in it (comments, order, other settings) left as a person wrote it; only
// a comment behind the setting itself goes.
//
//   text = with_setting(text, *find_setting("portal", "mail.to"), "ops@example.com,night@example.com");
//   text = with_setting(text, *find_setting("portal", "mail.to"), "");    // gone: the fallback counts again
//
// The result was read again, and differs by that setting and by nothing else; a file in which it stands in a way that a
// program cannot change (inside an inline table) is Failure("bad-setting"), as is a value of the wrong kind. Not checked:
// what the value means (check_settings). Thread safety: none needed.
#pragma once

#include <string>

#include "appliance/settings/catalogue.h"

namespace chancery {

[[nodiscard]] std::string with_setting(const std::string& toml, const SettingFact& fact, const std::string& value);

}  // namespace chancery
