#include "appliance/audit/record.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "keystore/bytes/cursor.h"
#include "keystore/bytes/text_encoding.h"

namespace chancery::audit {
namespace {

using nlohmann::json;

constexpr std::string_view label = "chancery-audit-record-1";
constexpr std::size_t text_limit = 256;
constexpr std::size_t list_limit = 16;
constexpr std::size_t depth_limit = 3;
constexpr std::size_t arguments_limit = 4096;

std::uint64_t bits(std::int64_t number) { return static_cast<std::uint64_t>(number); }

std::string cut(const std::string& text) {
  return text.size() <= text_limit ? text
                                   : text.substr(0, text_limit) + "… (" + std::to_string(text.size()) + " bytes)";
}

json redacted(const json& value, std::size_t depth) {
  if (value.is_string()) return cut(value.get_ref<const std::string&>());
  if (!value.is_structured()) return value;
  if (value.is_object() && value.contains("attachment")) {
    // A file is told by its name; what has none is a passphrase or a token.
    const auto name = value.find("name");
    return name != value.end() && name->is_string() ? cut(name->get<std::string>()) : "(given)";
  }
  if (depth == 0) return "(" + std::to_string(value.size()) + " entries)";
  json out = value.is_array() ? json::array() : json::object();
  std::size_t taken = 0;
  for (const auto& [key, entry] : value.items()) {
    if (entry.is_null()) continue;
    const bool is_full = taken++ == list_limit;
    // The path of such an address is a token for many services.
    if (key == "alerts.webhook" && entry.is_string() && !entry.get_ref<const std::string&>().empty()) {
      out[key] = "(given)";
      continue;
    }
    json shown = is_full ? json("(" + std::to_string(value.size()) + " entries in all)") : redacted(entry, depth - 1);
    if (value.is_array()) {
      out.push_back(std::move(shown));
    } else {
      out[is_full ? "…" : cut(key)] = std::move(shown);
    }
    if (is_full) break;
  }
  return out;
}

json parsed(const std::string& text) { return json::parse(text, nullptr, /*allow_exceptions=*/false); }

}  // namespace

Sha256 hash_of(const Record& record) {
  Writer out;
  out.block(view_of(label)).u64(bits(record.number)).block(record.previous);
  out.u64(bits(record.time.time_since_epoch().count())).u64(bits(record.from)).u64(bits(record.to));
  for (const std::string* text : {&record.kind, &record.who, &record.verb, &record.arguments, &record.outcome,
                                  &record.code, &record.leaves, &record.change}) {
    out.sized32(view_of(*text));
  }
  return sha256(view_of(out.bytes()));
}

json to_json(const Record& record) {
  json out{{"number", record.number},
           {"time", to_rfc3339(record.time)},
           {"kind", record.kind},
           {"who", record.who},
           {"verb", record.verb},
           {"arguments", parsed(record.arguments)},
           {"outcome", record.outcome},
           {"code", record.code.empty() ? json(nullptr) : json(record.code)},
           {"leaves", parsed(record.leaves)},
           {"hash", to_hex(record.hash)}};
  // Edited by somebody, these may not even be JSON: then they are shown as the text that stands there.
  if (out["arguments"].is_discarded()) out["arguments"] = record.arguments;
  if (out["leaves"].is_discarded()) out["leaves"] = record.leaves;
  if (record.from != 0 || record.to != 0) out["generation"] = {{"from", record.from}, {"to", record.to}};
  if (!record.change.empty()) out["change"] = record.change;
  return out;
}

std::string redacted_arguments(const json& arguments) {
  std::string text = redacted(arguments, depth_limit).dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() <= arguments_limit) return text;
  return json{{"…", "too much to be kept: " + std::to_string(text.size()) + " bytes"}}.dump();
}

std::string new_change_id() { return to_hex(view_of(random_secret(16))); }

}  // namespace chancery::audit
