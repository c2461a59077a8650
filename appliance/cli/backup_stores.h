// `chancery backup …` for sets of keystores (backup/sets/store_sets.h): with or without an appliance, for any user.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "appliance/cli/session.h"

namespace chancery::cli {

// In the shape of `backup list`, newest first.
[[nodiscard]] nlohmann::json store_sets_json(Session& session);
// For an id that is a keystore's.
int show_store_set(Session& session, const std::string& id);
int verify_store_set(Session& session, const std::string& id);
// Back to where it lay, in place of whatever lies there now; that goes into a set first.
int restore_store_set(Session& session, const std::string& id);

}  // namespace chancery::cli
