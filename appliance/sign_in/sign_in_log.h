// What a program that asks for passwords tells the audit: who signed in from where, and who was not let in. Reported to
// chancery-manager, the only writer of the audit, every second.
//
//   SignInLog log("portal", state_path, system_now);
//   log.succeeded("alice", "192.0.2.7", "directory");
//   log.failed("192.0.2.7", "administrator", "wrong-password");
//   program.run_in_background("sign-ins", [&] { do log.report(); while (program.pause(1s)); log.report_all(); });
//
// Every request of HTTP Basic bears the password, so a sign-in is the first right answer of a user from an address after
// 15 minutes without one. Of failures from one address the first is reported at once, the rest of a minute in one event
// with their number (audit/bursts.h). While the manager is away events wait, added up; a program that is killed loses
// those of the last second. A name is told of failures only where it is the administrator's: people type their password
// into the wrong field. Thread safe; nothing here waits but report().
#pragma once

#include <map>
#include <mutex>
#include <string>

#include "appliance/audit/bursts.h"

namespace chancery {

class SignInLog {
 public:
  SignInLog(std::string program, const std::string& state_path, Clock clock);

  void succeeded(const std::string& user, const std::string& address, const std::string& by);
  // `code`: "wrong-password", "too-many-attempts".
  void failed(const std::string& address, const std::string& user, const std::string& code);
  void report() noexcept;      // what is due
  void report_all() noexcept;  // at the end

 private:
  void send(audit::Bursts& from, const std::vector<audit::Burst>& bursts, const char* outcome) noexcept;

  const std::string program_;
  const std::string socket_;
  const Clock clock_;
  audit::Bursts successes_;
  audit::Bursts refusals_;
  std::mutex mutex_;
  std::map<std::string, Instant> seen_;  // by user and address: the last right answer
};

}  // namespace chancery
