// What the manager does by itself while nobody asks: every minute it resolves a change that somebody left in doubt, and
// says in the log when something begins or ceases to be wrong (drift, expiry, a program that is silent).
#pragma once

#include <map>
#include <string>

#include "keystore/x509/instant.h"

namespace chancery::manager {

class Watch {
 public:
  Watch(std::string state_path, Clock clock) : state_path_(std::move(state_path)), clock_(std::move(clock)) {}
  // Never throws; takes the writer's lock only when it is free.
  void look();

 private:
  void resolve();
  void examine_and_tell();

  std::string state_path_;
  Clock clock_;
  std::map<std::string, std::string> told_;  // check -> message
};

}  // namespace chancery::manager
