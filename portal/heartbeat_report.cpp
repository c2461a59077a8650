#include "portal/heartbeat_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "appliance/membership/membership.h"
#include "keystore/fault.h"

namespace chancery::portal {

namespace {

using nlohmann::json;

constexpr std::size_t most_served = 64;
constexpr std::size_t most_anchors = 1001;  // 1,000 collectors and the member itself
constexpr std::size_t most_roots = 16;
constexpr std::size_t text_limit = 256;
constexpr std::size_t version_limit = 64;
constexpr std::size_t digest_size = 64;
constexpr std::int64_t latest_second = 253'402'300'799;  // the year 9999

Failure invalid(const std::string& cause) {
  return Failure({.code = "heartbeat-invalid",
                  .subject = "heartbeat",
                  .cause = cause,
                  .hint = "engine and portal must be of the same major version"});
}

std::string text(const json& object, const char* key, std::size_t limit = text_limit) {
  auto value = object.at(key).get<std::string>();
  if (value.size() > limit) throw invalid(std::string("\"") + key + "\" is too long");
  return value;
}

std::int64_t number(const json& object, const char* key) {
  const json& value = object.at(key);
  if (!value.is_number_integer()) throw invalid(std::string("\"") + key + "\" is no whole number");
  return value.get<std::int64_t>();
}

Instant instant(const json& value) {
  if (!value.is_number_integer()) throw invalid("a time is no whole number");
  const auto seconds = value.get<std::int64_t>();
  if (seconds < 0 || seconds > latest_second) throw invalid("a time is out of range");
  return Instant(std::chrono::seconds(seconds));
}

const json& list(const json& object, const char* key, std::size_t most) {
  const json& value = object.at(key);
  if (!value.is_array() || value.size() > most) throw invalid(std::string("\"") + key + "\" is no list, or too long");
  return value;
}

std::string digest(const json& value) {
  auto text = value.get<std::string>();
  const bool is_hex = text.size() == digest_size && text.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!is_hex) throw invalid("a SHA-256 is not 64 digits");
  return text;
}

// Absent in the reports of earlier versions, as are "clock", "anchors" and "anchors_pending".
std::vector<ServedCertificate> read_served(const json& body) {
  std::vector<ServedCertificate> served;
  if (!body.contains("served")) return served;
  for (const json& each : list(body, "served", most_served)) {
    served.push_back({.endpoint = text(each, "endpoint"),
                      .identity = text(each, "identity"),
                      .sha256 = digest(each.at("sha256")),
                      .not_after = from_rfc3339(text(each, "not_after"))});
  }
  return served;
}

AnchorReport read_anchor(const json& entry, const std::string& member) {
  AnchorReport report{.who = text(entry, "who"),
                      .kind = text(entry, "kind"),
                      .name = text(entry, "name"),
                      .proven = {},
                      .held = {},
                      .needs = entry.at("needs").get<bool>(),
                      .seen = instant(entry.at("seen"))};
  const bool may_say = report.kind == "collector" || (report.kind == "member" && report.who == member);
  if (!may_say) {
    throw Failure({.code = "forbidden",
                   .subject = report.who.substr(0, digest_size),
                   .cause = "a member tells what it proved itself and what its collectors proved, and nothing else",
                   .hint = "engine and portal must be of the same major version"});
  }
  if (report.kind == "collector") static_cast<void>(digest(entry.at("who")));
  const json& proven = list(entry, "sha256", most_roots);
  const json& since = list(entry, "since", most_roots);
  if (proven.size() != since.size()) throw invalid("proofs and their times are not as many");
  for (std::size_t at = 0; at < proven.size(); ++at) {
    report.proven.emplace_back(digest(proven[at]), instant(since[at]));
  }
  for (const json& root : list(entry, "held", most_roots)) report.held.push_back(digest(root));
  return report;
}

std::string key_id(const std::string& text) {
  const bool is_id = text.size() <= 16 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!is_id) throw invalid("the id of a Customer Key is not 16 digits");
  return text;
}

std::string read_customer_keys(const json& said) {
  constexpr std::size_t most_keys = 8;
  json kept{{"id", key_id(text(said, "id"))}, {"holders", json::object()}};
  const json& holders = said.at("holders");
  if (!holders.is_object() || holders.size() > most_keys) throw invalid("too many Customer Keys");
  for (const auto& [id, count] : holders.items()) {
    if (!count.is_number_integer()) throw invalid("a count of collectors is no whole number");
    kept["holders"][key_id(id)] = count;
  }
  return kept.dump();
}

// By the member's own clock, so that one that is wrong does not matter.
std::shared_ptr<const health::Report> read_health(const json& said, Instant clock) {
  try {
    auto report = health::parse(said);
    if (std::chrono::abs(clock - report.at) > health::lasts) return nullptr;
    report.members.reset();
    return std::make_shared<const health::Report>(std::move(report));
  } catch (const Failure&) {
    return nullptr;
  }
}

void expect_names(const HeartbeatReport& report, const Certificate& member) {
  const auto bears = [&member](const std::string& name) { return answers_to(member.names(), name); };
  if (bears(report.name) && bears(report.internal_name)) return;
  throw Failure({.code = "name-mismatch",
                 .subject = report.name,
                 .cause = "the member certificate does not bear the names that the heartbeat gives",
                 .hint = "names come from the join token: remove the member and join it again with --name and --san"});
}

}  // namespace

HeartbeatReport parse_heartbeat(const std::string& body, const Certificate& member) {
  const json said = json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!said.is_object()) throw invalid("the body is not a JSON object");
  HeartbeatReport report;
  try {
    report.name = text(said, "name");
    report.internal_name = text(said, "internal_name");
    report.version = text(said, "version", version_limit);
    const std::int64_t port = number(said, "port");
    if (port < 1 || port > 65535) throw invalid("the port is out of range");
    report.port = static_cast<int>(port);
    report.devices = number(said, "devices");
    report.connected = number(said, "connected");
    if (said.contains("generation")) report.generation = number(said, "generation");
    if (said.contains("clock")) report.clock = instant(said.at("clock"));
    if (said.contains("anchors_pending")) report.anchors_pending = number(said, "anchors_pending");
    if (said.contains("customer_keys")) report.customer_keys = read_customer_keys(said.at("customer_keys"));
    report.served = read_served(said);
    if (said.contains("health") && report.clock) report.health = read_health(said.at("health"), *report.clock);
    expect_names(report, member);
    if (said.contains("anchors")) {
      for (const json& entry : list(said, "anchors", most_anchors)) {
        report.anchors.push_back(read_anchor(entry, report.name));
      }
    }
  } catch (const json::exception&) {
    throw invalid("a field is missing or of another type");
  }
  return report;
}

}  // namespace chancery::portal
