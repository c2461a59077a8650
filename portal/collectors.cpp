#include "portal/collectors.h"

#include <spdlog/spdlog.h>

#include <map>
#include <nlohmann/json.hpp>

#include "keystore/fault.h"
#include "keystore/x509/instant.h"

namespace chancery::portal {

namespace {

using nlohmann::json;

std::string dump(const json& document) { return document.dump(-1, ' ', false, json::error_handler_t::replace); }

// From what the engines' heartbeats told (proven_anchors.h): one row for each root, any of them names the collector.
json known(const storage::Store& store, const Blocked& blocked) {
  std::map<std::string, json> all;
  for (const storage::Row& row :
       store.rows("SELECT who, name, member, seen FROM proven_anchors WHERE kind = 'collector'")) {
    all[row.text(0)] = {{"id", row.text(0)},
                        {"host", row.text(1)},
                        {"engine", row.text(2)},
                        {"last_seen", to_rfc3339(Instant(std::chrono::seconds(row.integer(3))))},
                        {"blocked", false}};
  }
  for (const std::string& id : blocked.all()) {
    json& entry = all[id];
    if (entry.is_null()) entry = {{"id", id}, {"host", ""}, {"engine", ""}, {"last_seen", nullptr}};
    entry["blocked"] = true;
  }
  json list = json::array();
  for (auto& [id, entry] : all) list.push_back(std::move(entry));
  return list;
}

// The whole id, or as many of its first digits as tell it from every other one.
std::string id_of(const std::string& given, const json& collectors) {
  constexpr std::size_t id_size = 64;
  if (given.size() == id_size) return given;
  std::string found;
  for (const json& each : collectors) {
    const auto id = each.at("id").get<std::string>();
    if (given.empty() || !id.starts_with(given)) continue;
    if (!found.empty()) {
      throw Failure({.code = "ambiguous-id",
                     .subject = given,
                     .cause = "the ids of several collectors begin so",
                     .hint = "give more of it: chancery collector list --json has the whole ids"});
    }
    found = id;
  }
  if (!found.empty()) return found;
  throw Failure({.code = "unknown-collector",
                 .subject = given.substr(0, id_size),
                 .cause = "no collector of this id is known",
                 .hint = "chancery collector list shows them; one that is not listed is blocked by its whole id"});
}

}  // namespace

void add_collector_commands(serving::Program& program, const storage::Store& store, Blocked& blocked) {
  program.on_command("collector-list", [&store, &blocked](const std::string&) {
    return dump({{"ok", true}, {"collectors", known(store, blocked)}});
  });
  program.on_command("collector-block", [&store, &blocked](const std::string& request) {
    const json asked = json::parse(request, nullptr, /*allow_exceptions=*/false);
    const std::string id = id_of(asked.value("id", ""), known(store, blocked));
    const bool wanted = asked.value("blocked", true);
    if (asked.value("dry_run", false)) {
      const bool changes = blocked.contains(id) != wanted;
      return dump({{"ok", true}, {"id", id}, {"outcome", changes ? "planned" : "unchanged"}});
    }
    const bool changed = blocked.set(id, wanted);
    if (changed) spdlog::info("collector {} is {}", id, wanted ? "blocked" : "let in again");
    return dump({{"ok", true}, {"id", id}, {"outcome", changed ? "done" : "unchanged"}});
  });
}

}  // namespace chancery::portal
