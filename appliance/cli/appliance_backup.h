// The backup of a whole appliance on the command line: `backup appliance`, `backup verify FILE` and `init --from FILE`.
#pragma once

#include <string>

namespace chancery::cli {

class Session;

[[nodiscard]] int run_backup_appliance(Session& session);
// A file that begins as such a backup does; a set's id is none.
[[nodiscard]] bool is_appliance_backup(const std::string& path);
[[nodiscard]] int verify_appliance_backup(Session& session, const std::string& path);
[[nodiscard]] int run_rebuild(Session& session);

}  // namespace chancery::cli
