// Renewal by itself: asked every minute whether something is due, and does it. A primary that is away is tried again
// after a minute, two, four, and so on up to six hours; the log says when it begins to fail and when it is well again.
#pragma once

#include <string>

#include "keystore/x509/instant.h"

namespace chancery::manager {

class RenewalTimer {
 public:
  RenewalTimer(std::string state_path, Clock clock) : state_path_(std::move(state_path)), clock_(std::move(clock)) {}
  // Never throws. Takes the writer's lock only where something is due.
  void look();
  // How long a failure waits for the next attempt, the first being 1.
  [[nodiscard]] static std::chrono::seconds pause_after(int failures);

 private:
  void renew();

  std::string state_path_;
  Clock clock_;
  int failures_ = 0;
  Instant not_before_{};
};

}  // namespace chancery::manager
