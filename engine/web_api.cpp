#include "engine/web_api.h"

#include <charconv>
#include <nlohmann/json.hpp>

#include "appliance/membership/membership.h"
#include "appliance/settings/appliance.h"
#include "keystore/fault.h"

namespace chancery::engine {

namespace {

using nlohmann::json;

constexpr std::size_t page_limit = 1000;
constexpr std::size_t blocked_limit = 10'000;
constexpr std::size_t id_size = 64;

std::size_t number_in_query(const http::Call& call, const char* key, std::size_t fallback, std::size_t most) {
  const auto found = call.query.find(key);
  if (found == call.query.end()) return fallback;
  std::size_t value = 0;
  const char* const end = found->second.data() + found->second.size();
  const auto [stop, error] = std::from_chars(found->second.data(), end, value);
  if (error != std::errc() || stop != end || value > most) {
    throw Failure({.code = "bad-query",
                   .subject = key,
                   .cause = "it must be a number from 0 to " + std::to_string(most),
                   .hint = "ask for instance /api/v1/devices?offset=0&limit=100"});
  }
  return value;
}

// The portal of this federation asks as a member and needs no password; other engines have no business here.
bool is_portal(const http::Call& call) {
  if (call.connection.alpn() != member_protocol) return false;
  const auto chain = call.connection.peer_chain();
  const auto member = chain.empty() ? std::nullopt : member_name(chain.front());
  return member && (member->role == to_text(Role::primary) || member->role == to_text(Role::single));
}

json to_json(const Device& device) {
  return {{"id", device.id},
          {"host", device.facts.host},
          {"system", device.facts.system},
          {"addresses", device.facts.addresses},
          {"version", device.facts.version},
          {"trust", device.facts.trust_mode},
          {"trust_roots", device.facts.trust_roots},
          {"presented", device.facts.presented},
          {"first_seen", to_rfc3339(device.first_seen)},
          {"last_seen", to_rfc3339(device.last_seen)},
          {"connected", device.connected}};
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
  program.routes().add("GET", "/api/v1/devices", [&devices, &administrator](const http::Call& call) {
    if (!is_portal(call)) {
      if (auto refusal = administrator.refusal(call)) return *refusal;
    }
    json page = json::array();
    const std::size_t offset = number_in_query(call, "offset", 0, 100'000'000);
    for (const Device& device : devices.list(offset, number_in_query(call, "limit", page_limit, page_limit))) {
      page.push_back(to_json(device));
    }
    return http::Answer::json(dump({{"devices", page}, {"total", devices.count()}, {"offset", offset}}));
  });
}

}  // namespace chancery::engine
