#include "engine/device_query.h"

#include <algorithm>
#include <charconv>

#include "appliance/assignment/rule.h"
#include "keystore/fault.h"

namespace chancery::engine {

namespace {

constexpr std::size_t most = 1000;
constexpr std::size_t longest_value = 256;
constexpr std::size_t digest_digits = 64;

Failure bad_query(const std::string& parameter, const std::string& cause) {
  return Failure({.code = "bad-query",
                  .subject = parameter,
                  .cause = parameter + " " + cause,
                  .hint = "/api/v1/openapi.json describes what can be asked; for instance "
                          "/api/v1/devices?os=debian&connected=true&limit=100"});
}

std::size_t limit_in(const std::string& text) {
  std::size_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc() && stop == end && value >= 1 && value <= most) return value;
  throw bad_query("limit", "must be a number from 1 to 1000");
}

std::string digest_in(const std::string& parameter, const std::string& text) {
  const bool is_digest =
      text.size() == digest_digits && text.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!is_digest) throw bad_query(parameter, "must be 64 hexadecimal digits in lower case");
  return text;
}

bool flag_in(const std::string& parameter, const std::string& text) {
  if (text != "true" && text != "false") throw bad_query(parameter, "must be true or false");
  return text == "true";
}

Instant instant_in(const std::string& parameter, const std::string& text) {
  try {
    return from_rfc3339(text);
  } catch (const Failure&) {
    throw bad_query(parameter, "must be a time such as 2026-11-21T10:15:00Z");
  }
}

std::string trust_in(const std::string& text) {
  if (text != "pinned" && text != "operating-system" && text != "none") {
    throw bad_query("trust", "must be pinned, operating-system or none");
  }
  return text;
}

bool knows(const Device& device, const std::string& root) {
  const auto contains = [&root](const std::vector<std::string>& all) {
    return std::ranges::find(all, root) != all.end();
  };
  return contains(device.facts.trust_roots) || contains(device.anchoring.held);
}

}  // namespace

bool DeviceQuery::fits(const Device& device) const {
  const auto fits_tag = [this](const std::string& each) { return assignment::matches_pattern(tag, each); };
  if (!name.empty() && !assignment::matches_pattern(name, device.facts.host)) return false;
  if (!os.empty() && !assignment::matches_pattern("*" + os + "*", device.facts.system)) return false;
  if (!version.empty() && device.facts.version != version) return false;
  if (!trust.empty() && device.facts.trust_mode != trust) return false;
  if (!tag.empty() && std::ranges::none_of(device.facts.tags, fits_tag)) return false;
  if (!root.empty() && !knows(device, root)) return false;
  if (!lacks_root.empty() && knows(device, lacks_root)) return false;
  if (connected && device.connected != *connected) return false;
  return !seen_since || device.last_seen >= *seen_since;
}

DeviceQuery device_query(const std::map<std::string, std::string>& parameters) {
  DeviceQuery query;
  for (const auto& [parameter, value] : parameters) {
    if (value.empty() || value.size() > longest_value) throw bad_query(parameter.substr(0, 64), "is empty or too long");
    if (parameter == "name") {
      query.name = value;
    } else if (parameter == "os") {
      query.os = value;
    } else if (parameter == "version") {
      query.version = value;
    } else if (parameter == "trust") {
      query.trust = trust_in(value);
    } else if (parameter == "tag") {
      query.tag = value;
    } else if (parameter == "root") {
      query.root = digest_in(parameter, value);
    } else if (parameter == "lacks_root") {
      query.lacks_root = digest_in(parameter, value);
    } else if (parameter == "connected") {
      query.connected = flag_in(parameter, value);
    } else if (parameter == "seen_since") {
      query.seen_since = instant_in(parameter, value);
    } else if (parameter == "cursor") {
      query.after = digest_in(parameter, value);
    } else if (parameter == "limit") {
      query.limit = limit_in(value);
    } else {
      throw bad_query(parameter.substr(0, 64), "is no parameter here");
    }
  }
  return query;
}

}  // namespace chancery::engine
