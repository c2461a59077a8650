#include "appliance/health/report.h"

#include <nlohmann/json.hpp>

#include "keystore/fault.h"
#include "keystore/x509/printable.h"

namespace chancery::health {
namespace {

using nlohmann::json;

constexpr std::size_t most = 64;
constexpr std::size_t most_members = 10'000;
constexpr std::size_t text_limit = 1024;
constexpr std::size_t digest_size = 64;
constexpr std::size_t file_limit = std::size_t{4} * 1024 * 1024;

Failure invalid(const std::string& cause) {
  return Failure({.code = "health-invalid",
                  .subject = "health",
                  .cause = cause,
                  .hint = "both appliances must be of the same major version of Chancery"});
}

std::string cut(const std::string& text) {
  if (text.size() <= text_limit) return text;
  std::size_t end = text_limit;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "…";
}

std::string text(const json& object, const char* key) {
  return printable(view_of(cut(object.at(key).get<std::string>())));
}

Instant instant(const json& object, const char* key) {
  try {
    return from_rfc3339(object.at(key).get<std::string>());
  } catch (const Failure&) {
    throw invalid(std::string("\"") + key + "\" is no time");
  }
}

std::string digest(const json& object, const char* key) {
  auto value = object.at(key).get<std::string>();
  const bool is_hex = value.size() == digest_size && value.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!is_hex) throw invalid("a SHA-256 is not 64 digits");
  return value;
}

const json& list(const json& object, const char* key, std::size_t longest) {
  const json& value = object.at(key);
  if (!value.is_array() || value.size() > longest)
    throw invalid(std::string("\"") + key + "\" is no list, or too long");
  return value;
}

}  // namespace

json to_json(const Report& report) {
  json findings = json::array();
  for (const Finding& one : report.findings) {
    if (findings.size() == most) break;
    findings.push_back({{"check", cut(one.check)},
                        {"message", cut(one.message)},
                        {"hint", cut(one.hint)},
                        {"since", to_rfc3339(one.since)}});
  }
  json certificates = json::array();
  for (const Installed& one : report.certificates) {
    if (certificates.size() == most) break;
    certificates.push_back({{"identity", one.identity},
                            {"subject", cut(one.subject)},
                            {"issuer", cut(one.issuer)},
                            {"sha256", one.sha256},
                            {"not_after", to_rfc3339(one.not_after)}});
  }
  json all{{"at", to_rfc3339(report.at)}, {"findings", findings}, {"certificates", certificates}};
  if (report.members) all["members"] = *report.members;
  return all;
}

Report parse(const json& said) {
  if (!said.is_object()) throw invalid("it is no JSON object");
  try {
    Report report{.at = instant(said, "at"), .findings = {}, .certificates = {}, .members = {}};
    for (const json& one : list(said, "findings", most)) {
      report.findings.push_back({.check = text(one, "check"),
                                 .message = text(one, "message"),
                                 .hint = text(one, "hint"),
                                 .since = instant(one, "since")});
    }
    for (const json& one : list(said, "certificates", most)) {
      report.certificates.push_back({.identity = text(one, "identity"),
                                     .subject = text(one, "subject"),
                                     .issuer = text(one, "issuer"),
                                     .sha256 = digest(one, "sha256"),
                                     .not_after = instant(one, "not_after")});
    }
    if (said.contains("members")) {
      report.members.emplace();
      for (const json& name : list(said, "members", most_members)) report.members->push_back(name.get<std::string>());
    }
    return report;
  } catch (const json::exception&) {
    throw invalid("a field is missing or of another type");
  }
}

void publish(const Folder& state, const Report& report) {
  const std::string text = to_json(report).dump(-1, ' ', false, json::error_handler_t::replace);
  state.write_atomically(published_path, view_of(text), {.mode = 0644});
}

std::optional<Report> published(const Folder& state) noexcept {
  try {
    const Bytes text = state.read(published_path, file_limit);
    return parse(json::parse(text, nullptr, /*allow_exceptions=*/false));
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

}  // namespace chancery::health
