#include "appliance/manager/heartbeats.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "keystore/fault.h"

namespace chancery::manager {

namespace {

// As portal/engines.cpp writes it.
std::vector<Heartbeat::Served> served_from(const std::string& text) {
  std::vector<Heartbeat::Served> served;
  const auto all = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!all.is_array()) return served;
  for (const auto& each : all) {
    if (!each.is_object()) continue;
    try {
      served.push_back({.endpoint = each.value("endpoint", ""),
                        .identity = each.value("identity", ""),
                        .sha256 = each.value("sha256", ""),
                        .not_after = from_rfc3339(each.value("not_after", ""))});
    } catch (const std::exception&) {  // another version's: it is not shown
    }
  }
  return served;
}

// {"id":ID,"holders":{ID:count,…}}
std::pair<std::string, std::map<std::string, std::int64_t>> keys_from(const std::string& text) {
  std::pair<std::string, std::map<std::string, std::int64_t>> keys;
  const auto all = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!all.is_object()) return keys;
  try {
    keys.first = all.value("id", "");
    keys.second = all.value("holders", keys.second);
  } catch (const nlohmann::json::exception&) {  // another version's
  }
  return keys;
}

}  // namespace

std::map<std::string, Heartbeat> heartbeats(const std::string& state_path) {
  std::map<std::string, Heartbeat> heard;
  const std::string path = state_path + "/databases/portal.db";
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(std::filesystem::symlink_status(path, ignored))) return heard;
  try {
    constexpr int patience_ms = 500;
    const SQLite::Database database(path, SQLite::OPEN_READONLY, patience_ms);
    SQLite::Statement rows(database,
                           "SELECT name, last_seen, version, clock_skew, generation, served, host, port, "
                           "customer_keys FROM engines");
    while (rows.executeStep()) {
      const auto [customer_key, holders] = keys_from(rows.getColumn(8).getString());
      heard.emplace(rows.getColumn(0).getString(),
                    Heartbeat{.last_seen = Instant(std::chrono::seconds(rows.getColumn(1).getInt64())),
                              .version = rows.getColumn(2).getString(),
                              .clock_ahead = std::chrono::seconds(rows.getColumn(3).getInt64()),
                              .generation = rows.getColumn(4).getInt64(),
                              .served = served_from(rows.getColumn(5).getString()),
                              .customer_key = customer_key,
                              .holders = holders,
                              .host = rows.getColumn(6).getString(),
                              .port = rows.getColumn(7).getInt()});
    }
  } catch (const SQLite::Exception&) {
    // Another schema, or busy: then nobody knows, and last_seen stays what the roster says.
    heard.clear();
  }
  return heard;
}

}  // namespace chancery::manager
