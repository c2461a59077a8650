#include "appliance/manager/collector_proofs.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <filesystem>
#include <map>

#include "keystore/fault.h"

namespace chancery::manager {
namespace {

constexpr int patience_ms = 2000;

bool has(const SQLite::Database& database, const char* sql) {
  SQLite::Statement query(database, sql);
  return query.executeStep();
}

Instant moment(const SQLite::Column& column) { return Instant(std::chrono::seconds(column.getInt64())); }

CollectorProofs read(const SQLite::Database& database) {
  CollectorProofs proofs;
  if (!has(database, "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'proven_anchors'")) return proofs;
  std::map<std::pair<std::string, std::string>, CollectorProof> known;
  SQLite::Statement rows(database, "SELECT who, kind, member, sha256, proven, seen, name FROM proven_anchors");
  while (rows.executeStep()) {
    CollectorProof& entry = known[{rows.getColumn(1).getString(), rows.getColumn(0).getString()}];
    entry.who = rows.getColumn(0).getString();
    entry.kind = rows.getColumn(1).getString();
    entry.member = rows.getColumn(2).getString();
    entry.name = rows.getColumn(6).getString();
    entry.seen = std::max(entry.seen, moment(rows.getColumn(5)));
    const std::string root = rows.getColumn(3).getString();
    if (root == "none") entry.depends = false;
    if (root.empty() || root == "none") continue;
    entry.held.insert(root);
    if (rows.getColumn(4).getInt64() > 0) entry.proven.insert(root);
  }
  // Whoever is blocked is let in nowhere, so it cannot prove anything and needs nothing.
  if (has(database, "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'blocked_collectors'")) {
    SQLite::Statement blocked(database, "SELECT id FROM blocked_collectors");
    while (blocked.executeStep()) known.erase({"collector", blocked.getColumn(0).getString()});
  }
  for (auto& [key, entry] : known) proofs.known.push_back(std::move(entry));
  if (has(database, "SELECT name FROM pragma_table_info('engines') WHERE name = 'anchors_pending'")) {
    SQLite::Statement waiting(database, "SELECT name, anchors_pending FROM engines WHERE anchors_pending <> 0");
    while (waiting.executeStep()) {
      proofs.pending.emplace_back(waiting.getColumn(0).getString(), waiting.getColumn(1).getInt64());
    }
  }
  return proofs;
}

}  // namespace

CollectorProofs collector_proofs(const std::string& state_path) {
  const std::string path = state_path + "/databases/portal.db";
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(std::filesystem::symlink_status(path, ignored))) return {};
  try {
    return read(SQLite::Database(path, SQLite::OPEN_READONLY, patience_ms));
  } catch (const SQLite::Exception& error) {
    throw Failure({.code = "storage-failed",
                   .subject = path,
                   .cause = std::string("what collectors have proven cannot be read: ") + error.what(),
                   .hint = "run it as root, or as the user of the portal; chancery doctor looks at the databases"});
  }
}

}  // namespace chancery::manager
