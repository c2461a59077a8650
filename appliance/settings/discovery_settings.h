// Whether a server lets collectors find it (T7), in the file of its program: nothing by default.
//
//   engine.discovery = ["broadcast", "beacon"]     answers questions, sends beacons
//   engine.discovery-port = 10101                  UDP
//   engine.discovery-address = "255.255.255.255"   where beacons go
//   engine.beacon-interval = 5                     seconds
#pragma once

#include <string>

#include "appliance/settings/setting_file.h"

namespace chancery {

struct DiscoverySettings {
  bool answers = false;
  int beacon_seconds = 0;  // 0: no beacons
  int port = 10101;
  std::string address = "255.255.255.255";
};

// Keys `<program>.discovery…`. Failure("bad-setting").
[[nodiscard]] DiscoverySettings read_discovery_settings(SettingFile& file, const std::string& program);

}  // namespace chancery
