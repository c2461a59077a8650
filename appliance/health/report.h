// How an appliance is, in the words of its manager, for the programs that tell others: the manager writes it after each
// look, the engine sends it along with its heartbeat, the portal makes alerts of it (docs/state.md, "Alerts").
//
//   publish(state, report);                              // chancery-manager
//   if (const auto report = published(state)) …          // engine and portal, which may not ask the doctor
//
// It holds what neighbours may know and no more: findings of the doctor on drift and on what is served, and which
// certificates are installed. What stands in it is text of the appliance it is about: `parse` cuts and escapes it, and
// believes none of it. Thread safety: values and pure functions.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "keystore/files/folder.h"
#include "keystore/x509/instant.h"

namespace chancery::health {

struct Finding {
  std::string check;  // the doctor's: "drift", "endpoint engine", "program console", "consumer nginx"
  std::string message;
  std::string hint;
  Instant since{};  // the first look that found it, none in between found it gone
};

struct Installed {
  std::string identity;
  std::string subject;
  std::string issuer;
  std::string sha256;
  Instant not_after{};
};

// How old a report may be and still be believed.
inline constexpr std::chrono::minutes lasts{5};

struct Report {
  Instant at{};  // of the look
  std::vector<Finding> findings;
  std::vector<Installed> certificates;
  // Who belongs to the federation besides this appliance, where it keeps the register. Never sent to others.
  std::optional<std::vector<std::string>> members;
};

[[nodiscard]] nlohmann::json to_json(const Report& report);
// Failure("health-invalid") for another shape, more than 64 findings or certificates, or more than 10,000 members.
[[nodiscard]] Report parse(const nlohmann::json& said);

// STATE/run/manager/health.json, readable by everybody.
inline constexpr const char* published_path = "run/manager/health.json";
void publish(const Folder& state, const Report& report);
[[nodiscard]] std::optional<Report> published(const Folder& state) noexcept;  // nullopt: none, or none that can be read

}  // namespace chancery::health
