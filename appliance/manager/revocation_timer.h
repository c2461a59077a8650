// Follows the federation's revocations: a secondary asks its primary's authority every few seconds, so that a member
// that was removed is refused there within ten seconds, too; a primary keeps its own list fresh. A primary that is away
// is asked less and less often, at most every five minutes. Takes the writer's lock only where the list is another one.
#pragma once

#include <string>

#include "keystore/x509/instant.h"

namespace chancery::manager {

class RevocationTimer {
 public:
  RevocationTimer(std::string state_path, Clock clock) : state_path_(std::move(state_path)), clock_(std::move(clock)) {}
  void look();  // never throws

 private:
  void follow();

  std::string state_path_;
  Clock clock_;
  int failures_ = 0;
  Instant next_{};
};

}  // namespace chancery::manager
