#include "appliance/console/manager_line.h"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "keystore/fault.h"
#include "keystore/files/lock.h"

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

// Whoever listens in the place of a manager that is gone is not asked. A lock that this user may not look at lies in a
// folder where no stranger can put a socket.
void expect_running(const std::string& run) {
  const std::string lock = run + "lock";
  if (::access(lock.c_str(), R_OK) != 0 || FileLock::is_held(lock)) return;
  throw Failure({.code = "not-running",
                 .subject = "chancery-manager",
                 .cause = "the certificate manager does not run",
                 .hint = "start it on the appliance: systemctl start chancery-manager"});
}

}  // namespace

ManagerLine::ManagerLine(const std::string& state_path) : run_(state_path + "/run/manager/") {}

control::Message ManagerLine::ask(const std::string& verb, const nlohmann::json& arguments,
                                  std::vector<SecretBytes> attachments, const std::string& person,
                                  std::chrono::milliseconds patience) {
  const Turn turn(free_, patience);
  expect_running(run_);
  const nlohmann::json request{{"verb", verb}, {"arguments", arguments}, {"person", person}};
  return control::exchange(run_ + "control.sock",
                           {.json = request.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
                            .attachments = std::move(attachments)},
                           patience);
}

}  // namespace chancery::console
