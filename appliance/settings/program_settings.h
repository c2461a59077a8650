// Matters of one process: STATE/settings/<program>.toml, one struct per program, parsed once at start. An absent file
// means the defaults; `CHANCERY_…` environment variables override (CHANCERY_COLLECTOR_ROOT_CA).
//
//   PortalSettings settings = PortalSettings::load(state_path);
//
// Keys stand as `<program>.<key>` or, in the program's own file, bare. The reference appliance's keys are accepted
// where they mean the same. Anything wrong is Failure("bad-setting") with file, line and the nearest right key. Not
// checked here: that files named exist and that servers answer.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "appliance/settings/policy.h"
#include "appliance/settings/portal_settings.h"
#include "appliance/settings/setting_file.h"
#include "appliance/settings/storage_setting.h"

namespace chancery {

struct PortalSettings {
  // P23. globalconfig.portal.dispatcher.engine-ssl-ignore-certificate-problems
  bool ignore_engine_certificate_problems = false;
  // P23. globalconfig.ldap.skip-ssl-certificate-validations
  bool skip_ldap_certificate_validation = false;
  std::optional<DirectorySettings> directory;  // who may sign in besides the administrator
  std::optional<MailSettings> mail;            // where warnings go

  [[nodiscard]] static PortalSettings load(const std::string& state, const Environment& env = process_environment());
};

struct EngineSettings {
  StorageSetting storage;
  int heartbeat_seconds = 10;  // engine.heartbeat-interval: how often the portal is told that the engine lives

  [[nodiscard]] static EngineSettings load(const std::string& state, const Environment& env = process_environment());
};

struct AuthoritySettings {
  StorageSetting storage;  // where the register is kept; written by `chancery storage migrate`

  [[nodiscard]] static AuthoritySettings load(const std::string& state, const Environment& env = process_environment());
};

struct ConsoleSettings {
  int session_idle_minutes = 15;  // console.session-idle: an unused sign-in ends after this

  [[nodiscard]] static ConsoleSettings load(const std::string& state, const Environment& env = process_environment());
};

struct CollectorSettings {
  std::vector<ProbeAddress> servers;   // engines, tried in order
  std::optional<ProbeAddress> portal;  // asked for an engine where given
  SecurityLevel required_level = SecurityLevel::tls_peer_auth;
  std::vector<std::string> trusted;  // files: peers' own certificates or CAs (D3)
  std::string application = "chancery-collector";
  std::string root_ca;  // PEM file; "": the operating system's trust store (P19)
  // False checks the CA only (T6); refused together with the operating system's trust store (threat 45).
  bool verify_hostname = true;
  std::vector<std::string> discovery;  // "static", "beacon", "broadcast", tried in this order
  bool fall_through = false;           // on to the next step of discovery when one finds nothing
  int report_seconds = 5;              // collector.report-interval: how often host facts are sent

  [[nodiscard]] static CollectorSettings load(const std::string& state, const Environment& env = process_environment());
};

}  // namespace chancery
