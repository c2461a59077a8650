// The operating system's users that the programs run as where an appliance separates them (architecture.md, "Who may do
// what"): chancery-console, chancery-portal, chancery-engine, chancery-authority.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "appliance/settings/appliance.h"

namespace chancery::manager {

struct ProgramUser {
  uid_t uid;
  gid_t gid;
};
[[nodiscard]] std::optional<ProgramUser> program_user(const std::string& program);
// True for root where all four users exist, and on a single appliance the group chancery-member too.
[[nodiscard]] bool can_separate_users(Role role);
// "alice"; "uid 1000" where the user has no name.
[[nodiscard]] std::string user_name(uid_t uid);

// Attributes of what belongs to one program wholly (its run folder, its databases): owner and group are the program's.
[[nodiscard]] FileAttributes owned_by(const Appliance& appliance, const std::string& program, mode_t mode);

}  // namespace chancery::manager
