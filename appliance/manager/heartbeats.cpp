#include "appliance/manager/heartbeats.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <filesystem>

namespace chancery::manager {

std::map<std::string, Instant> heartbeats(const std::string& state_path) {
  std::map<std::string, Instant> seen;
  const std::string path = state_path + "/databases/portal.db";
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(std::filesystem::symlink_status(path, ignored))) return seen;
  try {
    constexpr int patience_ms = 500;
    const SQLite::Database database(path, SQLite::OPEN_READONLY, patience_ms);
    SQLite::Statement rows(database, "SELECT name, last_seen FROM engines");
    while (rows.executeStep()) {
      seen.emplace(rows.getColumn(0).getString(), Instant(std::chrono::seconds(rows.getColumn(1).getInt64())));
    }
  } catch (const SQLite::Exception&) {
    // Another schema, or busy: then nobody knows, and last_seen stays what the roster says.
    seen.clear();
  }
  return seen;
}

}  // namespace chancery::manager
