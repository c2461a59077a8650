// Tells systemd how a Type=notify service is doing (sd_notify(3)); does nothing where nobody asked to be told.
#pragma once

#include <string>

namespace chancery::manager {

void notify_service(const std::string& state);  // "READY=1", "STOPPING=1"

}  // namespace chancery::manager
