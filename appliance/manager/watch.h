// What the manager does by itself while nobody asks: every minute it resolves a change that somebody left in doubt, and
// says in the log when something begins or ceases to be wrong (drift, expiry, a program that is silent). What others may
// know of it goes into a notice for the programs (health_notice.h), also right after a change.
#pragma once

#include <map>
#include <string>

#include "appliance/manager/health_notice.h"
#include "keystore/x509/instant.h"

namespace chancery::manager {

class Watch {
 public:
  Watch(std::string state_path, Clock clock) : state_path_(std::move(state_path)), clock_(std::move(clock)) {}
  // Never throws; takes the writer's lock only when it is free.
  void look();
  // Something new was found: look again soon, to see whether it stands.
  bool has_news() const noexcept { return notice_.has_news(); }

 private:
  void resolve();
  void examine_and_tell();
  void tell_programs(const std::vector<Check>& checks);

  std::string state_path_;
  Clock clock_;
  std::map<std::string, std::string> told_;  // check -> message
  HealthNotice notice_;
  bool notice_failed_ = false;
};

}  // namespace chancery::manager
