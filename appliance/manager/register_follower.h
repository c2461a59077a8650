// What the authority does by itself, joins and renewals of members, stands in its register; from there it is taken over into
// the audit, once for each, by whoever manages the primary.
//
//   RegisterFollower follower(state_path, clock);
//   follower.look();                                // every few seconds; never throws
//
// What the manager issues itself (init, authority sign, its own renewal) has a record of its verb and is left out. A record's
// time is that of the issuing. Thread safety: one thread.
#pragma once

#include <string>

#include "keystore/x509/instant.h"

namespace chancery::manager {

class RegisterFollower {
 public:
  RegisterFollower(std::string state_path, Clock clock)
      : state_path_(std::move(state_path)), clock_(std::move(clock)) {}
  void look() noexcept;

 private:
  void follow();
  const std::string state_path_;
  const Clock clock_;
  std::string trouble_;  // the last one, told once
};

}  // namespace chancery::manager
