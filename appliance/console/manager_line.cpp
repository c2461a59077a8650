#include "appliance/console/manager_line.h"

#include <nlohmann/json.hpp>

#include "keystore/fault.h"

namespace chancery::console {

namespace {

class Turn {
 public:
  Turn(std::counting_semaphore<6>& semaphore, std::chrono::milliseconds patience) : semaphore_(semaphore) {
    if (semaphore_.try_acquire_for(patience)) return;
    throw Failure({.code = "busy",
                   .subject = "chancery-manager",
                   .cause = "it is still busy with earlier questions of this console",
                   .hint = "wait a moment, then try again"});
  }
  ~Turn() { semaphore_.release(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  std::counting_semaphore<6>& semaphore_;
};

}  // namespace

ManagerLine::ManagerLine(const std::string& state_path) : socket_(state_path + "/run/manager/control.sock") {}

control::Message ManagerLine::ask(const std::string& verb, const nlohmann::json& arguments,
                                  std::vector<SecretBytes> attachments, const std::string& person,
                                  std::chrono::milliseconds patience) {
  const Turn turn(free_, patience);
  const nlohmann::json request{{"verb", verb}, {"arguments", arguments}, {"person", person}};
  return control::exchange(socket_,
                           {.json = request.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
                            .attachments = std::move(attachments)},
                           patience);
}

}  // namespace chancery::console
