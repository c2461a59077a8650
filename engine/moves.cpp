#include "engine/moves.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "appliance/wire/channel_server.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"

namespace chancery::engine {

namespace {

using nlohmann::json;

constexpr std::size_t page = 1000;
constexpr std::size_t arrivals_a_second = 200;
constexpr std::size_t longest_spread = 3600;
constexpr std::size_t shortest_id = 8;

struct Chosen {
  std::set<std::string> told;
  std::vector<std::string> absent;
};

std::vector<Device> all_of(const Devices& devices) {
  std::vector<Device> all;
  while (true) {
    std::vector<Device> some = devices.list(all.size(), page);
    all.insert(all.end(), std::make_move_iterator(some.begin()), std::make_move_iterator(some.end()));
    if (some.size() < page) return all;
  }
}

Chosen choose(const Devices& devices, const std::vector<std::string>& only) {
  Chosen chosen;
  const std::vector<Device> all = all_of(devices);
  if (only.empty()) {
    for (const Device& each : all) {
      if (each.connected) chosen.told.insert(each.id);
    }
    return chosen;
  }
  for (const std::string& wanted : only) {
    std::vector<const Device*> found;
    for (const Device& each : all) {
      if (wanted.size() >= shortest_id && each.id.starts_with(wanted)) found.push_back(&each);
    }
    if (found.size() > 1) {
      throw Failure({.code = "ambiguous-id",
                     .subject = wanted.substr(0, 64),
                     .cause = "the ids of several collectors begin so",
                     .hint = "give more of it: chancery collector list --json has the whole ids"});
    }
    if (!found.empty() && found.front()->connected) {
      chosen.told.insert(found.front()->id);
    } else {
      chosen.absent.push_back(wanted);
    }
  }
  return chosen;
}

wire::Move move_in(const json& asked, std::size_t count) {
  wire::Move move;
  move.host = asked.at("host").get<std::string>();
  move.port = asked.at("port").get<int>();
  move.name = asked.at("name").get<std::string>();
  for (const json& each : asked.at("anchors")) move.anchors.push_back(from_base64(each.get<std::string>()));
  move.within_seconds = static_cast<int>(std::min(longest_spread, count / arrivals_a_second));
  // What a collector would not take is not sent to thousands of them.
  static_cast<void>(wire::parse_message(wire::to_json(move)));
  return move;
}

}  // namespace

void add_moves(serving::Program& program, const Devices& devices, Ingest& ingest) {
  program.on_command("collector-move", [&devices, &ingest](const std::string& request) {
    const json asked = json::parse(request, nullptr, /*allow_exceptions=*/false);
    const auto chosen =
        std::make_shared<const Chosen>(choose(devices, asked.value("only", std::vector<std::string>{})));
    const wire::Move move = move_in(asked, chosen->told.size());
    const bool is_dry = asked.value("dry_run", false);
    if (!is_dry && !chosen->told.empty()) {
      if (move.host.empty()) {
        spdlog::info("{} collectors are told to trust {} more", chosen->told.size(), move.anchors.size());
      } else {
        spdlog::info("{} collectors are told to move to {}:{}", chosen->told.size(), move.host, move.port);
      }
      ingest.for_each([chosen, text = wire::to_json(move)](wire::Session& session, const std::string& id) {
        if (chosen->told.contains(id)) session.send(text);
      });
    }
    const char* outcome = chosen->told.empty() ? "unchanged" : is_dry ? "planned" : "done";
    return json{{"ok", true}, {"outcome", outcome}, {"told", chosen->told.size()}, {"absent", chosen->absent}}.dump();
  });
}

}  // namespace chancery::engine
