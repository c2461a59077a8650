#include "appliance/settings/discovery_settings.h"

#include "appliance/settings/open_settings.h"

namespace chancery {

DiscoverySettings read_discovery_settings(SettingFile& file, const std::string& program) {
  DiscoverySettings settings;
  const auto key = [&](const char* name) { return program_keys(program, name); };
  settings.port = static_cast<int>(file.number(key("discovery-port"), 1, 65535).value_or(settings.port));
  settings.address = file.text(key("discovery-address")).value_or(settings.address);
  const int interval = static_cast<int>(file.number(key("beacon-interval"), 1, 3600).value_or(5));
  for (const std::string& way : file.list(key("discovery")).value_or(std::vector<std::string>{})) {
    if (way == "broadcast") {
      settings.answers = true;
    } else if (way == "beacon") {
      settings.beacon_seconds = interval;
    } else {
      const std::string near = nearest(way, {"broadcast", "beacon"});
      throw file.wrong_value(
          key("discovery"), "a server has no discovery by \"" + way + "\"",
          near.empty() ? "it may be broadcast (questions are answered) and beacon" : "did you mean " + near + "?");
    }
  }
  return settings;
}

}  // namespace chancery
