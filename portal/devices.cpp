#include "portal/devices.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "appliance/http/client.h"
#include "appliance/pages/page.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"
#include "portal/openapi.h"

namespace chancery::portal {

namespace {

using nlohmann::json;
using Query = std::map<std::string, std::string>;

constexpr std::chrono::seconds patience{5};
constexpr std::size_t answer_limit = std::size_t{8} * 1024 * 1024;  // 1,000 devices, with room
constexpr std::size_t most = 1000;
constexpr std::size_t usual = 100;
constexpr std::size_t id_size = 64;
constexpr std::size_t shown_digits = 16;

Failure bad_query(const std::string& parameter, const std::string& cause) {
  return Failure({.code = "bad-query",
                  .subject = parameter,
                  .cause = parameter + " " + cause,
                  .hint = "/api/v1/openapi.json describes what can be asked"});
}

std::string dump(const json& document) { return document.dump(-1, ' ', false, json::error_handler_t::replace); }

// RFC 3986, 2.1: everything but the unreserved.
std::string encoded(const std::string& text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (plain.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += '%';
      out += digits[byte >> 4U];
      out += digits[byte & 15U];
    }
  }
  return out;
}

// Where a page begins: an engine, and the id of its last device on the page before ("" for none yet). On the wire the
// engine's name in hex, a dot, and the id.
struct Place {
  std::string engine;
  std::string after;
};

std::string to_cursor(const Place& place) { return to_hex(view_of(place.engine)) + "." + place.after; }

Place place_in(const std::string& cursor) {
  const std::size_t dot = cursor.find('.');
  const std::string after = dot == std::string::npos ? "-" : cursor.substr(dot + 1);
  const bool is_id =
      after.empty() || (after.size() == id_size && after.find_first_not_of("0123456789abcdef") == std::string::npos);
  if (!is_id || cursor.size() > 1024) throw bad_query("cursor", "is none that this portal gave");
  try {
    const Bytes name = from_hex(cursor.substr(0, dot));
    return {.engine = std::string(name.begin(), name.end()), .after = after};
  } catch (const Failure&) {
    throw bad_query("cursor", "is none that this portal gave");
  }
}

std::size_t limit_in(const Query& query) {
  const auto found = query.find("limit");
  if (found == query.end()) return usual;
  std::size_t value = 0;
  const char* const end = found->second.data() + found->second.size();
  const auto [stop, error] = std::from_chars(found->second.data(), end, value);
  if (error == std::errc() && stop == end && value >= 1 && value <= most) return value;
  throw bad_query("limit", "must be a number from 1 to 1000");
}

Failure unknown_device(const std::string& id, const std::string& silent) {
  return Failure({.code = "unknown-device",
                  .subject = id.substr(0, id_size),
                  .cause = "no engine that answers knows a device of this id",
                  .hint = silent.empty() ? "GET /api/v1/devices lists those that are known"
                                         : "it may be at one that cannot be asked now: " + silent});
}

class Fleet {
 public:
  explicit Fleet(const Engines& engines) : engines_(engines) {}

  json page(const Query& query) const {
    const std::size_t limit = limit_in(query);
    Place place;
    if (const auto cursor = query.find("cursor"); cursor != query.end()) place = place_in(cursor->second);
    json devices = json::array();
    json unreachable = json::array();
    json next = nullptr;
    std::int64_t total = 0;
    for (const EngineView& view : asked(query)) {
      total += view.devices;
      if (view.name < place.engine || !next.is_null()) continue;
      if (devices.size() == limit) {
        next = to_cursor({view.name, ""});
        continue;
      }
      const std::string after = view.name == place.engine ? place.after : "";
      const auto part = ask(view, "/api/v1/devices" + filters(query, after, limit - devices.size()), unreachable);
      if (!part) continue;
      for (json device : part->at("devices")) {
        device["engine"] = view.name;
        devices.push_back(std::move(device));
      }
      if (part->at("next").is_string()) next = to_cursor({view.name, part->at("next").get<std::string>()});
    }
    return {{"devices", std::move(devices)},
            {"next", std::move(next)},
            {"total", total},
            {"unreachable", std::move(unreachable)}};
  }

  // At the engine that it is connected to; else at the one that saw it last.
  json device(const std::string& id) const {
    const bool is_id = id.size() == id_size && id.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (!is_id) throw unknown_device(id, "");
    json found;
    json unreachable = json::array();
    for (const EngineView& view : engines_.list()) {
      auto part = ask(view, "/api/v1/devices/" + encoded(id), unreachable);
      if (!part) continue;
      const bool is_newer = found.is_null() || part->at("last_seen") > found.at("last_seen");
      if (!part->at("connected").get<bool>() && !is_newer) continue;
      found = std::move(*part);
      found["engine"] = view.name;
      if (found.at("connected").get<bool>()) break;
    }
    if (!found.is_null()) return found;
    std::string silent;
    for (const json& each : unreachable) {
      silent += (silent.empty() ? "" : ", ") + each.at("engine").get<std::string>();
    }
    throw unknown_device(id, silent);
  }

  json summary() const {
    json all{{"total", 0}, {"connected", 0}};
    json each = json::object();
    json unreachable = json::array();
    for (const char* kind : kinds) all[kind] = json::object();
    for (const EngineView& view : engines_.list()) {
      const auto part = ask(view, "/api/v1/summary", unreachable);
      if (!part) continue;
      all["total"] = all["total"].get<std::int64_t>() + part->at("total").get<std::int64_t>();
      all["connected"] = all["connected"].get<std::int64_t>() + part->at("connected").get<std::int64_t>();
      for (const char* kind : kinds) {
        for (const auto& [what, count] : part->at(kind).items()) {
          all[kind][what] = all[kind].value(what, std::int64_t{0}) + count.get<std::int64_t>();
        }
      }
      each[view.name] = *part;
    }
    all["engines"] = std::move(each);
    all["unreachable"] = std::move(unreachable);
    return all;
  }

 private:
  static constexpr std::array kinds{"systems", "versions", "trust", "roots", "tags"};

  std::vector<EngineView> asked(const Query& query) const {
    std::vector<EngineView> views = engines_.list();
    const auto engine = query.find("engine");
    if (engine == query.end()) return views;
    std::erase_if(views, [&](const EngineView& view) { return view.name != engine->second; });
    if (!views.empty()) return views;
    throw Failure({.code = "unknown-engine",
                   .subject = engine->second.substr(0, id_size),
                   .cause = "no engine of this name has reported to this portal",
                   .hint = "GET /api/v1/engines lists those that have"});
  }

  static std::string filters(const Query& query, const std::string& after, std::size_t limit) {
    std::string text = "?limit=" + std::to_string(limit);
    if (!after.empty()) text += "&cursor=" + after;
    for (const auto& [key, value] : query) {
      if (key != "limit" && key != "cursor" && key != "engine") text += "&" + encoded(key) + "=" + encoded(value);
    }
    return text;
  }

  // What the engine finds wrong with the question is the asker's matter; everything else leaves its devices out.
  std::optional<json> ask(const EngineView& view, const std::string& path, json& unreachable) const {
    std::string problem;
    const auto context = engines_.context();
    try {
      if (!context)
        throw Failure({.code = "not-joined",
                       .subject = view.name,
                       .cause = "this portal is in no federation",
                       .hint = "look at chancery doctor"});
      const http::Reply reply =
          http::request({.host = view.host, .port = view.port, .name = view.internal_name}, *context,
                        {.method = "GET", .path = path, .body = {}, .headers = {}}, patience, answer_limit);
      json document = json::parse(reply.body, nullptr, /*allow_exceptions=*/false);
      if (reply.status == 200 && document.is_object()) return document;
      if (reply.status == 400 && document.is_object()) {
        throw bad_query_of(document);
      }
      // It answers, and knows no such device.
      if (reply.status == 404 && path.starts_with("/api/v1/devices/")) return std::nullopt;
      problem = "it answers with status " + std::to_string(reply.status);
    } catch (const Failure& failure) {
      if (failure.code() == "bad-query") throw;
      problem = failure.what();
    }
    unreachable.push_back({{"engine", view.name}, {"problem", problem}});
    return std::nullopt;
  }

  static Failure bad_query_of(const json& problem) {
    return Failure({.code = "bad-query",
                    .subject = "query",
                    .cause = problem.value("title", "the engine does not understand it"),
                    .hint = problem.value("detail", "/api/v1/openapi.json describes what can be asked")});
  }

  const Engines& engines_;
};

std::string text_in(const json& device, const char* key) { return pages::escape(device.value(key, std::string())); }

http::Answer devices_page(const Appliance& appliance, const json& page, const Query& query) {
  std::vector<std::vector<std::string>> rows;
  for (const json& device : page.at("devices")) {
    std::string tags;
    for (const json& tag : device.value("tags", json::array()))
      tags += (tags.empty() ? "" : ", ") + tag.get<std::string>();
    const bool connected = device.value("connected", false);
    rows.push_back({"<code>" + text_in(device, "id").substr(0, shown_digits) + "</code>", text_in(device, "host"),
                    text_in(device, "engine"), text_in(device, "system"), text_in(device, "version"),
                    text_in(device, "trust"), pages::escape(tags),
                    device.value("blocked", false) ? "<span class=\"bad\">blocked</span>"
                    : connected                    ? "<span class=\"good\">connected</span>"
                                                   : "<span class=\"soft\">away</span>",
                    text_in(device, "last_seen")});
  }
  std::string body;
  for (const json& each : page.at("unreachable")) {
    body += "<p class=\"bad\">" + text_in(each, "engine") + " is not shown: " + text_in(each, "problem") + "</p>";
  }
  body +=
      rows.empty()
          ? std::string("<p>No device fits.</p>")
          : pages::table({"Device", "Host", "Engine", "System", "Version", "Trust", "Tags", "State", "Last seen (UTC)"},
                         rows);
  if (page.at("next").is_string()) {
    std::string link = "/devices?cursor=" + page.at("next").get<std::string>();
    for (const auto& [key, value] : query) {
      if (key != "cursor") link += "&" + encoded(key) + "=" + encoded(value);
    }
    body += "<p><a href=\"" + pages::escape(link) + "\">Next page</a></p>";
  }
  return pages::page("Devices", appliance.name, body);
}

}  // namespace

void add_devices(serving::Program& program, const Engines& engines,
                 std::function<std::optional<http::Answer>(const http::Call&)> refusal) {
  const auto fleet = std::make_shared<const Fleet>(engines);
  http::Routes& routes = program.routes();
  routes.add("GET", "/api/v1/openapi.json",
             [document = openapi_document()](const http::Call&) { return http::Answer::json(document); });
  routes.add("GET", "/api/v1/devices", [fleet, refusal](const http::Call& call) {
    if (auto refused = refusal(call)) return *refused;
    return http::Answer::json(dump(fleet->page(call.query)));
  });
  routes.add("GET", "/api/v1/devices/*", [fleet, refusal](const http::Call& call) {
    if (auto refused = refusal(call)) return *refused;
    return http::Answer::json(dump(fleet->device(call.path.substr(std::string_view("/api/v1/devices/").size()))));
  });
  routes.add("GET", "/api/v1/summary", [fleet, refusal](const http::Call& call) {
    if (auto refused = refusal(call)) return *refused;
    return http::Answer::json(dump(fleet->summary()));
  });
  routes.add("GET", "/devices", [fleet, refusal, &program](const http::Call& call) {
    if (auto refused = refusal(call)) return *refused;
    return devices_page(program.appliance(), fleet->page(call.query), call.query);
  });
}

std::string device_counts(const Engines& engines) { return dump(Fleet(engines).summary()); }

}  // namespace chancery::portal
