#include "appliance/settings/program_settings.h"

#include <algorithm>
#include <filesystem>

#include "appliance/settings/catalogue.h"
#include "appliance/settings/open_settings.h"
#include "keystore/files/folder.h"

namespace chancery {
namespace {

constexpr std::size_t settings_limit = 1024 * 1024;

// Of every program that serves.
std::string read_log_level(SettingFile& file, const std::string& program) {
  return file.choice(program_keys(program, "log-level"), {"trace", "debug", "info", "warning", "error"})
      .value_or("info");
}

PortalSettings read_portal(SettingFile& file) {
  PortalSettings settings;
  static_cast<void>(read_log_level(file, "portal"));
  settings.ignore_engine_certificate_problems =
      file.flag(program_keys("portal", "engine-ssl-ignore-certificate-problems",
                             "globalconfig.portal.dispatcher.engine-ssl-ignore-certificate-problems"))
          .value_or(false);
  settings.skip_ldap_certificate_validation =
      file.flag(program_keys("portal", "ldap-skip-ssl-certificate-validations",
                             "globalconfig.ldap.skip-ssl-certificate-validations"))
          .value_or(false);
  settings.directory = read_directory_settings(file);
  settings.mail = read_mail_settings(file);
  settings.alerts = read_alert_settings(file, settings.mail.has_value());
  settings.discovery = read_discovery_settings(file, "portal");
  // The portal's few rows are a file of its own; a server is not silently left unused.
  if (const auto storage = file.text(program_keys("portal", "storage")); storage && *storage != "sqlite") {
    throw file.wrong_value(program_keys("portal", "storage"),
                           "the portal keeps its rows in a file: storage cannot be \"" + *storage + "\"",
                           "leave it out here; the engine's storage may be a PostgreSQL server");
  }
  file.finish();
  return settings;
}

EngineSettings read_engine(SettingFile& file) {
  EngineSettings settings;
  static_cast<void>(read_log_level(file, "engine"));
  settings.storage =
      read_storage_setting(file, program_keys("engine", "storage"), program_keys("engine", "storage-password-file"));
  settings.heartbeat_seconds =
      static_cast<int>(file.number(program_keys("engine", "heartbeat-interval"), 1, 3600).value_or(10));
  settings.discovery = read_discovery_settings(file, "engine");
  file.finish();
  return settings;
}

AuthoritySettings read_authority(SettingFile& file) {
  AuthoritySettings settings;
  static_cast<void>(read_log_level(file, "authority"));
  settings.storage = read_storage_setting(file, program_keys("authority", "storage"),
                                          program_keys("authority", "storage-password-file"));
  file.finish();
  return settings;
}

ConsoleSettings read_console(SettingFile& file) {
  ConsoleSettings settings;
  settings.session_idle_minutes =
      static_cast<int>(file.number(program_keys("console", "session-idle"), 1, 1440).value_or(15));
  settings.requests_per_second =
      static_cast<int>(file.number(program_keys("console", "requests-per-second"), 1, 10'000).value_or(20));
  static_cast<void>(read_log_level(file, "console"));
  file.finish();
  return settings;
}

// The manager reads its own with each change (manager/collector_watch.h).
void check_manager(SettingFile& file) {
  static_cast<void>(file.number(program_keys("manager", "watch"), 0, 60));
  static_cast<void>(file.number(program_keys("manager", "watch-share"), 0, 100));
  file.finish();
}

}  // namespace

SettingFile open_settings(const std::string& state, const std::string& program, const Environment& env) {
  const std::string path = state + "/settings/" + program + ".toml";
  std::error_code error;
  const bool is_there = std::filesystem::exists(path, error);
  // A file that cannot be looked at must not pass for one that says nothing.
  if (!is_there && !error) return SettingFile::parse(path, {}, env);
  return SettingFile::parse(path, read_file(path, settings_limit), env);
}

SettingFile::Keys program_keys(const std::string& program, const std::string& key, const std::string& reference) {
  SettingFile::Keys names{program + "." + key, key};
  if (!reference.empty()) names.push_back(reference);
  return names;
}

PortalSettings PortalSettings::load(const std::string& state, const Environment& env) {
  SettingFile file = open_settings(state, "portal", env);
  return read_portal(file);
}

EngineSettings EngineSettings::load(const std::string& state, const Environment& env) {
  SettingFile file = open_settings(state, "engine", env);
  return read_engine(file);
}

AuthoritySettings AuthoritySettings::load(const std::string& state, const Environment& env) {
  SettingFile file = open_settings(state, "authority", env);
  return read_authority(file);
}

ConsoleSettings ConsoleSettings::load(const std::string& state, const Environment& env) {
  SettingFile file = open_settings(state, "console", env);
  return read_console(file);
}

std::string log_level_of(const std::string& state, const std::string& program, const Environment& env) {
  SettingFile file = open_settings(state, program, env);
  return read_log_level(file, program);
}

void check_settings(std::string_view program, const std::string& file_name, ByteView toml) {
  SettingFile file = SettingFile::parse(file_name, toml);
  if (program == "portal") static_cast<void>(read_portal(file));
  if (program == "engine") static_cast<void>(read_engine(file));
  if (program == "authority") static_cast<void>(read_authority(file));
  if (program == "console") static_cast<void>(read_console(file));
  if (program == "manager") check_manager(file);
}

}  // namespace chancery
