#include "appliance/manager/pinned_collectors.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <filesystem>
#include <nlohmann/json.hpp>

namespace chancery::manager {

namespace {

struct Source {
  const char* database;
  const char* query;
};
// Of the engine here, and of the portal that assigns collectors to engines.
constexpr Source sources[] = {{"engine.db", "SELECT facts FROM devices WHERE facts <> ''"},
                              {"assignment.db", "SELECT facts FROM applicants"}};

void add_from(const std::string& path, const char* query, std::vector<preflight::PinnedCollector>& pinned) {
  constexpr int patience_ms = 500;
  const SQLite::Database database(path, SQLite::OPEN_READONLY, patience_ms);
  SQLite::Statement rows(database, query);
  while (rows.executeStep()) {
    const auto facts = nlohmann::json::parse(rows.getColumn(0).getString(), nullptr, /*allow_exceptions=*/false);
    if (!facts.is_object() || facts.value("trust", "") != "pinned") continue;
    pinned.push_back({.name = facts.value("host", "a collector without a name"),
                      .roots = facts.value("trust_roots", std::vector<std::string>{})});
  }
}

}  // namespace

std::vector<preflight::PinnedCollector> pinned_collectors(const std::string& state_path) {
  std::vector<preflight::PinnedCollector> pinned;
  for (const Source& source : sources) {
    const std::string path = state_path + "/databases/" + source.database;
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(std::filesystem::symlink_status(path, ignored))) continue;
    try {
      add_from(path, source.query, pinned);
    } catch (const std::exception&) {
      // Another schema, or busy: then nobody knows, and nobody is named. Rehearsal asks the collectors themselves.
    }
  }
  return pinned;
}

}  // namespace chancery::manager
