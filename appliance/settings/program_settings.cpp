#include "appliance/settings/program_settings.h"

#include <algorithm>
#include <filesystem>

#include "keystore/files/folder.h"

namespace chancery {
namespace {

constexpr std::size_t settings_limit = 1024 * 1024;

SettingFile open_settings(const std::string& state, const std::string& program, const Environment& env) {
  const std::string path = state + "/settings/" + program + ".toml";
  std::error_code error;
  const bool is_there = std::filesystem::exists(path, error);
  // A file that cannot be looked at must not pass for one that says nothing.
  if (!is_there && !error) return SettingFile::parse(path, {}, env);
  return SettingFile::parse(path, read_file(path, settings_limit), env);
}

// The right key, its bare form, and the reference appliance's names for it.
SettingFile::Keys keys(const std::string& program, const std::string& key, const std::string& reference = "") {
  SettingFile::Keys names{program + "." + key, key};
  if (!reference.empty()) names.push_back(reference);
  return names;
}

std::vector<std::string> split_semicolons(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find(';', start), text.size());
    if (end > start) parts.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return parts;
}

ProbeAddress read_address(const SettingFile& file, const SettingFile::Keys& names, const std::string& text) {
  try {
    return parse_address(text);
  } catch (const Failure& failure) {
    throw file.wrong_value(names, "\"" + text + "\": " + failure.cause(), failure.hint());
  }
}

}  // namespace

PortalSettings PortalSettings::load(const std::string& state, const Environment& env) {
  SettingFile file = open_settings(state, "portal", env);
  PortalSettings settings;
  settings.ignore_engine_certificate_problems =
      file.flag(keys("portal", "engine-ssl-ignore-certificate-problems",
                     "globalconfig.portal.dispatcher.engine-ssl-ignore-certificate-problems"))
          .value_or(false);
  settings.skip_ldap_certificate_validation = file.flag(keys("portal", "ldap-skip-ssl-certificate-validations",
                                                             "globalconfig.ldap.skip-ssl-certificate-validations"))
                                                  .value_or(false);
  settings.directory = read_directory_settings(file);
  settings.mail = read_mail_settings(file);
  // The portal's few rows are a file of its own; a server is not silently left unused.
  if (const auto storage = file.text(keys("portal", "storage")); storage && *storage != "sqlite") {
    throw file.wrong_value(keys("portal", "storage"),
                           "the portal keeps its rows in a file: storage cannot be \"" + *storage + "\"",
                           "leave it out here; the engine's storage may be a PostgreSQL server");
  }
  file.finish();
  return settings;
}

EngineSettings EngineSettings::load(const std::string& state, const Environment& env) {
  SettingFile file = open_settings(state, "engine", env);
  EngineSettings settings;
  settings.storage = read_storage_setting(file, keys("engine", "storage"), keys("engine", "storage-password-file"));
  settings.heartbeat_seconds =
      static_cast<int>(file.number(keys("engine", "heartbeat-interval"), 1, 3600).value_or(10));
  file.finish();
  return settings;
}

AuthoritySettings AuthoritySettings::load(const std::string& state, const Environment& env) {
  SettingFile file = open_settings(state, "authority", env);
  AuthoritySettings settings;
  settings.storage =
      read_storage_setting(file, keys("authority", "storage"), keys("authority", "storage-password-file"));
  file.finish();
  return settings;
}

ConsoleSettings ConsoleSettings::load(const std::string& state, const Environment& env) {
  SettingFile file = open_settings(state, "console", env);
  ConsoleSettings settings;
  settings.session_idle_minutes = static_cast<int>(file.number(keys("console", "session-idle"), 1, 1440).value_or(15));
  file.finish();
  return settings;
}

CollectorSettings CollectorSettings::load(const std::string& state, const Environment& env) {
  SettingFile file = open_settings(state, "collector", env);
  const auto key = [](const std::string& name) { return keys("collector", name); };
  CollectorSettings settings;
  for (const std::string& server : file.list(key("servers")).value_or(std::vector<std::string>{})) {
    settings.servers.push_back(read_address(file, key("servers"), server));
  }
  const std::string portal = file.text(key("portal")).value_or("");
  if (!portal.empty()) settings.portal = read_address(file, key("portal"), portal);
  const auto level = file.choice(key("required-level"), {"None", "TLSNoPeerAuth", "TLSPeerAuth"});
  if (level == "None") settings.required_level = SecurityLevel::none;
  if (level == "TLSNoPeerAuth") settings.required_level = SecurityLevel::tls_no_peer_auth;
  settings.trusted = split_semicolons(file.text(key("trusted")).value_or(""));
  settings.application = file.text(key("application")).value_or(settings.application);
  settings.root_ca = file.text(key("root-ca")).value_or("");
  settings.verify_hostname = file.flag(key("verify-hostname")).value_or(true);
  settings.discovery = file.list(key("discovery")).value_or(std::vector<std::string>{});
  settings.fall_through = file.flag(key("fall-through")).value_or(false);
  settings.report_seconds = static_cast<int>(file.number(key("report-interval"), 1, 3600).value_or(5));
  file.finish();
  const std::vector<std::string> steps{"static", "beacon", "broadcast"};
  for (const std::string& step : settings.discovery) {
    if (std::find(steps.begin(), steps.end(), step) != steps.end()) continue;
    const std::string near = nearest(step, steps);
    throw file.wrong_value(key("discovery"), "discovery has no step \"" + step + "\"",
                           near.empty() ? "the steps are static, beacon and broadcast" : "did you mean " + near + "?");
  }
  if (!settings.verify_hostname && settings.root_ca.empty()) {
    throw file.wrong_value(key("verify-hostname"),
                           "host names may not go unchecked while the public CAs of the operating system are trusted",
                           "name the CA in root-ca, or set verify-hostname = true");
  }
  return settings;
}

}  // namespace chancery
