// STATE/settings/collector.toml of an endpoint: where its collector goes, and whom it believes there.
//
//   CollectorSettings settings = CollectorSettings::load(state_path, process_environment(), "laboratory");
//
// What says how to connect (servers, portal, required-level, trusted, root-ca, verify-hostname) may stand once more in a
// table of an application's name, `[applications.laboratory]`, and counts there before the general line. Where there is
// such a table, a name must be given, on the command line or by collector.application: Failure("no-application")
// otherwise, so that nothing is sent to the wrong server (D6). Everything else wrong is Failure("bad-setting").
// Not checked here: that files named exist, and that servers answer.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "appliance/settings/policy.h"
#include "appliance/settings/setting_file.h"

namespace chancery {

struct CollectorSettings {
  std::vector<ProbeAddress> servers;   // engines, tried in order
  std::optional<ProbeAddress> portal;  // asked for an engine where given
  SecurityLevel required_level = SecurityLevel::tls_peer_auth;
  std::vector<std::string> trusted;  // files: peers' own certificates or CAs (D3)
  std::string application;           // "": none was named, and no setting depends on it
  std::string root_ca;               // PEM file; "": the operating system's trust store (P19)
  // False checks the CA only (T6); refused together with the operating system's trust store (threat 45).
  bool verify_hostname = true;
  // Of a server that discovery has found there is only an address: its name is checked where verify-hostname says so.
  bool verify_found_hostname = false;
  std::vector<std::string> discovery;                 // "static", "beacon", "broadcast", tried in this order
  bool fall_through = false;                          // on to the next step of discovery when one finds nothing
  int discovery_port = 10101;                         // collector.discovery-port, UDP
  std::string discovery_address = "255.255.255.255";  // collector.discovery-address: where broadcasts go
  std::vector<std::string> tags;                      // what assignment rules look at; at most 16
  int report_seconds = 5;                             // collector.report-interval: how often host facts are sent

  // `application`: as named on the command line; "" where it was not.
  [[nodiscard]] static CollectorSettings load(const std::string& state, const Environment& env = process_environment(),
                                              const std::string& application = {});
  // The same of a file by itself, with nothing of the environment.
  [[nodiscard]] static CollectorSettings parse(const std::string& path, ByteView toml);
};

}  // namespace chancery
