#include "engine/heartbeat_body.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "appliance/health/report.h"

namespace chancery::engine {

namespace {

using nlohmann::json;

constexpr const char* engine_endpoint = "engine";
constexpr const char* engine_api_endpoint = "engine-api";
constexpr std::size_t name_limit = 200;  // the portal takes 256 bytes, and a character that was cut grows

std::int64_t seconds_of(Instant instant) { return instant.time_since_epoch().count(); }

// Where the portal reaches the Web API: the shared port, or on a single appliance the Web API's own.
int port_for_portal(const tls::ServingSnapshot& serving) {
  for (const char* name : {engine_endpoint, engine_api_endpoint}) {
    const auto found = serving.endpoints.find(name);
    if (found != serving.endpoints.end()) return found->second.endpoint.port;
  }
  return 0;
}

json served(const tls::ServingSnapshot& serving) {
  json all = json::array();
  for (const auto& [name, endpoint] : serving.endpoints) {
    const Certificate& leaf = endpoint.chain.front();
    all.push_back({{"endpoint", name},
                   {"identity", endpoint.endpoint.identity},
                   {"sha256", leaf.fingerprint()},
                   {"not_after", to_rfc3339(leaf.not_after())}});
  }
  return all;
}

void put_roots(json& entry, const std::vector<std::string>& held, const std::map<std::string, Instant>& proven) {
  entry["sha256"] = json::array();
  entry["since"] = json::array();
  entry["held"] = json::array();
  for (const auto& [root, when] : proven) {
    entry["sha256"].push_back(root);
    entry["since"].push_back(seconds_of(when));
  }
  for (const std::string& root : held) {
    if (!proven.contains(root)) entry["held"].push_back(root);
  }
}

json anchors(const serving::Program& program, const HeartbeatNews& news) {
  json all = json::array();
  if (!news.own.held.empty()) {
    json entry{{"who", program.appliance().name},
               {"kind", "member"},
               {"name", program.appliance().name},
               {"needs", true},
               {"seen", seconds_of(system_now())}};
    put_roots(entry, news.own.held, news.own.proven);
    all.push_back(std::move(entry));
  }
  for (const Device& device : news.devices) {
    // One that has not answered yet may depend on any root.
    json entry{{"who", device.id},
               {"kind", "collector"},
               {"name", device.facts.host.substr(0, name_limit)},
               {"needs", device.anchoring.needs || !device.anchoring.is_known},
               {"seen", seconds_of(device.last_seen)}};
    put_roots(entry, device.anchoring.held, device.anchoring.proven);
    all.push_back(std::move(entry));
  }
  return all;
}

}  // namespace

std::string heartbeat_body(const serving::Program& program, const Devices& devices, const HeartbeatNews& news) {
  const Appliance& appliance = program.appliance();
  const auto serving = program.serving();
  json body({{"name", appliance.name},
             {"internal_name", appliance.internal_name},
             {"version", CHANCERY_VERSION},
             {"clock", seconds_of(system_now())},
             {"port", port_for_portal(*serving)},
             {"devices", devices.count()},
             {"connected", devices.connected()},
             {"generation", program.generation().number()},
             {"served", served(*serving)},
             {"anchors", anchors(program, news)},
             {"anchors_pending", news.pending},
             {"customer_keys", {{"id", news.customer_key}, {"holders", devices.key_holders()}}}});
  if (auto report = health::published(program.state())) {
    report->members.reset();
    body["health"] = health::to_json(*report);
  }
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace chancery::engine
