// Matters of one process: STATE/settings/<program>.toml, one struct per program, parsed at start and again when a
// change of them is activated (serving_program.h; what then needs a restart: catalogue.h). An absent file means the
// defaults; `CHANCERY_…` environment variables override (CHANCERY_COLLECTOR_ROOT_CA).
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

#include "appliance/settings/alert_settings.h"
#include "appliance/settings/collector_settings.h"
#include "appliance/settings/discovery_settings.h"
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
  AlertSettings alerts;
  DiscoverySettings discovery;

  [[nodiscard]] static PortalSettings load(const std::string& state, const Environment& env = process_environment());
};

struct EngineSettings {
  StorageSetting storage;
  int heartbeat_seconds = 10;  // engine.heartbeat-interval: how often the portal is told that the engine lives
  DiscoverySettings discovery;

  [[nodiscard]] static EngineSettings load(const std::string& state, const Environment& env = process_environment());
};

struct AuthoritySettings {
  StorageSetting storage;  // where the register is kept; written by `chancery storage migrate`

  [[nodiscard]] static AuthoritySettings load(const std::string& state, const Environment& env = process_environment());
};

struct ConsoleSettings {
  int session_idle_minutes = 15;  // console.session-idle: an unused sign-in ends after this
  int requests_per_second = 20;   // console.requests-per-second: of one address, in the long run

  [[nodiscard]] static ConsoleSettings load(const std::string& state, const Environment& env = process_environment());
};

// <program>.log-level of a serving program: trace, debug, info, warning, error; "info" where nothing is said.
[[nodiscard]] std::string log_level_of(const std::string& state, const std::string& program,
                                       const Environment& env = process_environment());

}  // namespace chancery
