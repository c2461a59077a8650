// Where a collector goes and whom it believes there, as one value: what its settings say, or what an engine (a move), a
// repair file or a local administrator has handed over. A value; text and back for the state on disk.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "appliance/settings/collector_settings.h"
#include "appliance/tls/connection.h"

namespace chancery::collector {

struct Situation {
  std::string source = "settings";  // "settings", "shipped", "move", "repair", "install-trust"
  std::vector<tls::Target> servers;
  std::optional<tls::Target> portal;
  SecurityLevel level = SecurityLevel::tls_peer_auth;
  bool uses_system_trust = false;    // the operating system's store, beside `anchors`
  std::vector<Certificate> anchors;  // CAs, or servers' own certificates; beside the system's store only roots count
  bool verify_name = true;
  bool verify_found_name = false;  // of a server that only an address is known of
  std::string settings;            // the digest of the settings when this was made: an edit after it counts for more

  bool verifies() const noexcept { return level == SecurityLevel::tls_peer_auth; }
};

// What the settings say now, with the files they name read anew. Failures of files; "not-a-certificate"; "bad-setting"
// where host names would go unchecked under the public CAs (T6).
[[nodiscard]] Situation configured(const CollectorSettings& settings);

// SHA-256 over everything but `source` and `settings`.
[[nodiscard]] std::string digest_of(const Situation& situation);

[[nodiscard]] nlohmann::json to_json(const Situation& situation);
[[nodiscard]] Situation situation_from(const nlohmann::json& document);  // throws whatever is wrong with it

// For people: "engine.example.com:443, pinned to 1 certificate".
[[nodiscard]] std::string described(const Situation& situation);

// CAs and servers' own certificates in a file of a person. Failure("not-a-certificate") for none, "too-many" over 1,000.
[[nodiscard]] std::vector<Certificate> anchors_in(ByteView bytes, const std::string& source);

}  // namespace chancery::collector
