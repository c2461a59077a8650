// What an engine says in a heartbeat (docs/state.md), read within bounds. The portal believes it of its own names only as
// far as its member certificate bears them, and of other members nothing.
//
//   const HeartbeatReport report = parse_heartbeat(body, member_certificate);
//
// Failure("heartbeat-invalid") for what is not such a report, "name-mismatch", "forbidden" for what it may not say.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "appliance/health/report.h"
#include "keystore/x509/certificate.h"
#include "keystore/x509/instant.h"

namespace chancery::portal {

struct ServedCertificate {
  std::string endpoint;
  std::string identity;
  std::string sha256;
  Instant not_after{};
};

// docs/state.md, "Proven anchors".
struct AnchorReport {
  std::string who;
  std::string kind;  // "collector", "member"
  std::string name;
  std::vector<std::pair<std::string, Instant>> proven;
  std::vector<std::string> held;  // and not proven
  bool needs = true;
  Instant seen{};
};

struct HeartbeatReport {
  std::string name;
  std::string internal_name;
  std::string version;
  int port = 0;
  std::int64_t devices = 0;
  std::int64_t connected = 0;
  std::int64_t generation = 0;
  std::optional<Instant> clock;  // the engine's, when it sent this
  std::vector<ServedCertificate> served;
  std::vector<AnchorReport> anchors;
  std::int64_t anchors_pending = 0;
  std::string customer_keys;  // JSON, as it is kept: {"id","holders":{id:count}}; "" where it did not tell
  // Null where it did not tell, told of a look long ago, or in words of another version: that is no reason to refuse it.
  std::shared_ptr<const health::Report> health;
};

inline constexpr std::size_t heartbeat_limit = 2 * 1024 * 1024;

[[nodiscard]] HeartbeatReport parse_heartbeat(const std::string& body, const Certificate& member);

}  // namespace chancery::portal
