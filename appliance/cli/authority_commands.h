// What the rows of chancery authority run; their families have sources of their own.
#pragma once

#include "appliance/cli/session.h"

namespace chancery::cli {

// root_key.cpp
[[nodiscard]] int run_export_root_key(Session& session);
[[nodiscard]] int run_remove_root_key(Session& session);
// signed_certificates.cpp
[[nodiscard]] int run_list_signed(Session& session);
[[nodiscard]] int run_revoke_signed(Session& session);
[[nodiscard]] int run_renew_signed(Session& session);

}  // namespace chancery::cli
