// How the console asks chancery-manager: at most six questions at a time, so that the manager, who gives one user eight,
// never has to turn the console away in silence.
//
//   control::Message reply = line.ask("cert-list", arguments, attachments, "administrator", 15s);
//
// An {"error":…} reply comes back as it is, for what may stand beside the error. Failure("not-running") when there is no
// manager (nobody holds its run lock), "timeout", and "busy" when six questions do not end within the patience. Thread safe.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <semaphore>
#include <string>
#include <vector>

#include "appliance/control/message.h"

namespace chancery::console {

class ManagerLine {
 public:
  explicit ManagerLine(const std::string& state_path);
  [[nodiscard]] control::Message ask(const std::string& verb, const nlohmann::json& arguments,
                                     std::vector<SecretBytes> attachments, const std::string& person,
                                     std::chrono::milliseconds patience);

 private:
  const std::string run_;  // "STATE/run/manager/"
  std::counting_semaphore<6> free_{6};
};

}  // namespace chancery::console
