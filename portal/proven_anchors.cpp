#include "portal/proven_anchors.h"

#include <map>

namespace chancery::portal {

namespace {

std::int64_t seconds_of(Instant instant) { return instant.time_since_epoch().count(); }

bool is_known_better(storage::Store& store, const std::string& member, const AnchorReport& report) {
  return !store
              .rows("SELECT who FROM proven_anchors WHERE kind = ? AND who = ? AND member <> ? AND seen > ? LIMIT 1",
                    {report.kind, report.who, member, seconds_of(report.seen)})
              .empty();
}

// By root, when it was proven; 0 for one that is only held.
std::map<std::string, std::int64_t> rows_of(const AnchorReport& report) {
  std::map<std::string, std::int64_t> rows;
  for (const std::string& root : report.held) rows[root] = 0;
  for (const auto& [root, when] : report.proven) rows[root] = std::max<std::int64_t>(1, seconds_of(when));
  if (!report.needs) return {{"none", 0}};
  if (rows.empty()) rows[""] = 0;
  return rows;
}

}  // namespace

void store_anchors(storage::Store& store, const std::string& member, const std::vector<AnchorReport>& reports) {
  if (reports.empty()) return;
  store.write([&] {
    for (const AnchorReport& report : reports) {
      if (is_known_better(store, member, report)) continue;
      store.run("DELETE FROM proven_anchors WHERE kind = ? AND who = ?", {report.kind, report.who});
      for (const auto& [root, when] : rows_of(report)) {
        store.run("INSERT INTO proven_anchors (who, kind, member, sha256, proven, seen, name) VALUES (?,?,?,?,?,?,?)",
                  {report.who, report.kind, member, root, when, seconds_of(report.seen), report.name});
      }
    }
  });
}

}  // namespace chancery::portal
