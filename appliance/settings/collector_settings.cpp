#include "appliance/settings/collector_settings.h"

#include <algorithm>
#include <set>

#include "appliance/settings/open_settings.h"

namespace chancery {
namespace {

using Keys = SettingFile::Keys;
using KeyOf = std::function<Keys(const std::string& name)>;

std::vector<std::string> split_semicolons(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find(';', start), text.size());
    if (end > start) parts.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return parts;
}

ProbeAddress read_address(const SettingFile& file, const Keys& names, const std::string& text) {
  try {
    return parse_address(text);
  } catch (const Failure& failure) {
    throw file.wrong_value(names, "\"" + text + "\": " + failure.cause(), failure.hint());
  }
}

// What says how to connect; what is not said keeps its value.
void read_connection(SettingFile& file, const KeyOf& key, CollectorSettings& settings) {
  if (const auto servers = file.list(key("servers"))) {
    settings.servers.clear();
    for (const std::string& each : *servers) settings.servers.push_back(read_address(file, key("servers"), each));
  }
  if (const auto portal = file.text(key("portal"))) {
    settings.portal = portal->empty() ? std::nullopt : std::optional(read_address(file, key("portal"), *portal));
  }
  if (const auto level = file.choice(key("required-level"), {"None", "TLSNoPeerAuth", "TLSPeerAuth"})) {
    settings.required_level = *level == "None"            ? SecurityLevel::none
                              : *level == "TLSNoPeerAuth" ? SecurityLevel::tls_no_peer_auth
                                                          : SecurityLevel::tls_peer_auth;
  }
  if (const auto trusted = file.text(key("trusted"))) settings.trusted = split_semicolons(*trusted);
  if (const auto root = file.text(key("root-ca"))) settings.root_ca = *root;
  if (const auto verify = file.flag(key("verify-hostname"))) {
    settings.verify_hostname = settings.verify_found_hostname = *verify;
  }
  if (!settings.verify_hostname && settings.root_ca.empty() && settings.trusted.empty()) {
    throw file.wrong_value(key("verify-hostname"),
                           "host names may not go unchecked while the public CAs of the operating system are trusted",
                           "name the CA in root-ca, or set verify-hostname = true");
  }
}

std::string listed(const std::set<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

void expect_application(const std::string& chosen, const std::set<std::string>& there, const std::string& path) {
  if (there.empty() || there.contains(chosen)) return;
  const std::string near = nearest(chosen, {there.begin(), there.end()});
  throw Failure(
      {.code = "no-application",
       .subject = path,
       .cause = chosen.empty() ? "its settings depend on the application's name, and none is given"
                               : "it has no settings for the application \"" + chosen + "\"",
       .hint = (near.empty() ? "" : "did you mean " + near + "? ") +
               "give --application NAME, or collector.application as the default; there are: " + listed(there)});
}

void read_discovery(SettingFile& file, const KeyOf& key, CollectorSettings& settings) {
  settings.discovery = file.list(key("discovery")).value_or(std::vector<std::string>{});
  settings.fall_through = file.flag(key("fall-through")).value_or(false);
  settings.discovery_port =
      static_cast<int>(file.number(key("discovery-port"), 1, 65535).value_or(settings.discovery_port));
  settings.discovery_address = file.text(key("discovery-address")).value_or(settings.discovery_address);
  const std::vector<std::string> steps{"static", "beacon", "broadcast"};
  for (const std::string& step : settings.discovery) {
    if (std::ranges::find(steps, step) != steps.end()) continue;
    const std::string near = nearest(step, steps);
    throw file.wrong_value(key("discovery"), "discovery has no step \"" + step + "\"",
                           near.empty() ? "the steps are static, beacon and broadcast" : "did you mean " + near + "?");
  }
}

void read_tags(SettingFile& file, const KeyOf& key, CollectorSettings& settings) {
  constexpr std::size_t most_tags = 16;
  constexpr std::size_t longest_tag = 64;
  settings.tags = file.list(key("tags")).value_or(std::vector<std::string>{});
  const auto is_wrong = [](const std::string& tag) { return tag.empty() || tag.size() > longest_tag; };
  if (settings.tags.size() <= most_tags && std::ranges::none_of(settings.tags, is_wrong)) return;
  throw file.wrong_value(key("tags"), "there are more than 16 tags, or one is empty or too long",
                         "give up to 16 words of at most 64 characters: tags = [\"shop\", \"berlin\"]");
}

CollectorSettings read_settings(SettingFile file, const std::string& path, const std::string& application) {
  const KeyOf general = [](const std::string& name) { return program_keys("collector", name); };
  CollectorSettings settings;
  settings.application = file.text(general("application")).value_or("");
  if (!application.empty()) settings.application = application;
  read_discovery(file, general, settings);
  settings.report_seconds = static_cast<int>(file.number(general("report-interval"), 1, 3600).value_or(5));
  read_tags(file, general, settings);
  read_connection(file, general, settings);

  std::set<std::string> applications = file.names_below("applications.");
  applications.merge(file.names_below("collector.applications."));
  CollectorSettings chosen = settings;
  for (const std::string& each : applications) {
    CollectorSettings own = settings;
    read_connection(
        file,
        [&](const std::string& name) {
          return Keys{"collector.applications." + each + "." + name, "applications." + each + "." + name};
        },
        own);
    if (each == settings.application) chosen = std::move(own);
  }
  file.finish();
  expect_application(settings.application, applications, path);
  return chosen;
}

}  // namespace

CollectorSettings CollectorSettings::load(const std::string& state, const Environment& env,
                                          const std::string& application) {
  return read_settings(open_settings(state, "collector", env), state + "/settings/collector.toml", application);
}

CollectorSettings CollectorSettings::parse(const std::string& path, ByteView toml) {
  return read_settings(SettingFile::parse(path, toml), path, "");
}

}  // namespace chancery
