#include "appliance/manager/pinned_collectors.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <filesystem>
#include <nlohmann/json.hpp>

namespace chancery::manager {

std::vector<preflight::PinnedCollector> pinned_collectors(const std::string& state_path) {
  std::vector<preflight::PinnedCollector> pinned;
  const std::string path = state_path + "/databases/engine.db";
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(std::filesystem::symlink_status(path, ignored))) return pinned;
  try {
    constexpr int patience_ms = 500;
    const SQLite::Database database(path, SQLite::OPEN_READONLY, patience_ms);
    SQLite::Statement rows(database, "SELECT facts FROM devices WHERE facts <> ''");
    while (rows.executeStep()) {
      const auto facts = nlohmann::json::parse(rows.getColumn(0).getString(), nullptr, /*allow_exceptions=*/false);
      if (!facts.is_object() || facts.value("trust", "") != "pinned") continue;
      pinned.push_back({.name = facts.value("host", "a collector without a name"),
                        .roots = facts.value("trust_roots", std::vector<std::string>{})});
    }
  } catch (const std::exception&) {
    // Another schema, or busy: then nobody knows, and nobody is named. Rehearsal asks the collectors themselves.
    pinned.clear();
  }
  return pinned;
}

}  // namespace chancery::manager
