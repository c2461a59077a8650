#include "engine/web_api.h"

#include <map>
#include <nlohmann/json.hpp>

#include "appliance/membership/membership.h"
#include "appliance/serving/own_certificates.h"
#include "appliance/settings/appliance.h"
#include "engine/device_query.h"
#include "engine/openapi.h"
#include "keystore/fault.h"

namespace chancery::engine {

namespace {

using nlohmann::json;

constexpr std::size_t blocked_limit = 10'000;
constexpr std::size_t id_size = 64;

// The portal of this federation asks as a member and needs no password; other engines have no business here.
bool is_portal(const http::Call& call) {
  if (call.connection.alpn() != member_protocol) return false;
  const auto chain = call.connection.peer_chain();
  const auto member = chain.empty() ? std::nullopt : member_name(chain.front());
  return member && (member->role == to_text(Role::primary) || member->role == to_text(Role::single));
}

json to_json(const Device& device, bool is_blocked) {
  json proven = json::array();
  for (const auto& [root, when] : device.anchoring.proven) proven.push_back(root);
  return {{"id", device.id},
          {"host", device.facts.host},
          {"system", device.facts.system},
          {"addresses", device.facts.addresses},
          {"version", device.facts.version},
          {"trust", device.facts.trust_mode},
          {"trust_roots", device.facts.trust_roots},
          {"presented", device.facts.presented},
          {"tags", device.facts.tags},
          {"customer_key", device.facts.customer_key},
          {"held_roots", device.anchoring.held},
          {"proven_roots", std::move(proven)},
          {"first_seen", to_rfc3339(device.first_seen)},
          {"last_seen", to_rfc3339(device.last_seen)},
          {"connected", device.connected},
          {"blocked", is_blocked}};
}

using Counts = std::map<std::string, std::int64_t>;

// At most so many kinds of each are told apart: what a collector says of itself is its own word.
void count(Counts& counts, const std::string& what) {
  constexpr std::size_t most_kinds = 200;
  if (what.empty()) return;
  const bool is_room = counts.size() < most_kinds || counts.contains(what);
  ++counts[is_room ? what : "(others)"];
}

json summary_of(const Devices& devices) {
  Counts systems;
  Counts versions;
  Counts trust;
  Counts roots;
  Counts tags;
  std::size_t total = 0;
  std::size_t connected = 0;
  // Nothing is kept of the page: what is counted is the answer.
  static_cast<void>(devices.page("", 1, [&](const Device& device) {
    ++total;
    connected += device.connected ? 1U : 0U;
    count(systems, device.facts.system);
    count(versions, device.facts.version);
    count(trust, device.facts.trust_mode);
    std::set<std::string> known(device.facts.trust_roots.begin(), device.facts.trust_roots.end());
    known.insert(device.anchoring.held.begin(), device.anchoring.held.end());
    for (const std::string& root : known) count(roots, root);
    for (const std::string& tag : device.facts.tags) count(tags, tag);
    return false;
  }));
  return {{"total", total}, {"connected", connected}, {"systems", systems}, {"versions", versions},
          {"trust", trust}, {"roots", roots},         {"tags", tags}};
}

std::set<std::string> blocked_in(const std::string& body) {
  const json said = json::parse(body, nullptr, /*allow_exceptions=*/false);
  const bool is_list = said.is_object() && said.contains("ids") && said["ids"].is_array();
  std::set<std::string> ids;
  if (is_list && said["ids"].size() <= blocked_limit) {
    for (const json& id : said["ids"]) {
      if (id.is_string() && id.get_ref<const std::string&>().size() == id_size) ids.insert(id.get<std::string>());
    }
    if (ids.size() == said["ids"].size()) return ids;
  }
  throw Failure({.code = "bad-request",
                 .subject = "blocked collectors",
                 .cause = "this is no list of at most 10,000 ids, each of 64 characters and once",
                 .hint = "engine and portal must be of the same major version"});
}

std::string dump(const json& document) { return document.dump(-1, ' ', false, json::error_handler_t::replace); }

}  // namespace

void add_web_api(serving::Program& program, Devices& devices, Administrator& administrator,
                 std::function<void()> on_blocked) {
  program.routes().add_for_members("POST", "/api/v1/blocked", [&devices, on_blocked](const http::Call& call) {
    if (!is_portal(call)) {
      return http::Answer::problem(403, "forbidden", "the federation's portal says which collectors are blocked", "");
    }
    devices.set_blocked(blocked_in(call.body));
    on_blocked();
    return http::Answer::json("{}");
  });
  program.routes().add("GET", "/healthz", [](const http::Call&) {
    return http::Answer{.status = 200, .content_type = "text/plain", .body = "ok\n", .headers = {}, .stream = {}};
  });
  program.routes().add("GET", "/api/v1/status", [&program, &devices](const http::Call&) {
    return http::Answer::json(dump({{"program", "engine"},
                                    {"name", program.appliance().name},
                                    {"version", CHANCERY_VERSION},
                                    {"generation", program.generation().number()},
                                    {"devices", devices.count()},
                                    {"connected", devices.connected()},
                                    {"blocked", devices.blocked_digest()}}));
  });
  program.routes().add("GET", "/api/v1/openapi.json",
                       [document = openapi_document()](const http::Call&) { return http::Answer::json(document); });
  // For the federation's portal and the administrator.
  const auto add_shown = [&program, &administrator](const std::string& path,
                                                    const std::function<json(const http::Call&)>& show) {
    program.routes().add("GET", path, [&administrator, show](const http::Call& call) {
      if (!is_portal(call)) {
        if (auto refusal = administrator.refusal(call)) return *refusal;
      }
      return http::Answer::json(dump(show(call)));
    });
  };
  add_shown("/api/v1/devices", [&devices](const http::Call& call) -> json {
    const DeviceQuery query = device_query(call.query);
    const Devices::Page page =
        devices.page(query.after, query.limit, [&query](const Device& device) { return query.fits(device); });
    json shown = json::array();
    for (const Device& device : page.devices) shown.push_back(to_json(device, devices.is_blocked(device.id)));
    return {{"devices", std::move(shown)},
            {"next", page.next.empty() ? json(nullptr) : json(page.next)},
            {"total", devices.count()}};
  });
  add_shown("/api/v1/devices/*", [&devices](const http::Call& call) -> json {
    const std::string id = call.path.substr(std::string_view("/api/v1/devices/").size());
    if (const auto device = devices.find(id)) return to_json(*device, devices.is_blocked(id));
    throw Failure({.code = "unknown-device",
                   .subject = id.substr(0, id_size),
                   .cause = "this engine knows no device of this id",
                   .hint = "GET /api/v1/devices lists those that it knows"});
  });
  add_shown("/api/v1/certificates", [&program](const http::Call&) { return serving::own_certificates(program); });
  add_shown("/api/v1/summary", [&devices](const http::Call&) { return summary_of(devices); });
}

}  // namespace chancery::engine
