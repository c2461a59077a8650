// Follows what the federation's authority says: a secondary asks its primary's every few seconds, so that a member that
// was removed, or a root that was retired, is refused there within ten seconds, too; a primary looks into its own
// register, which finishes what a command was killed in. A primary that is away is asked less and less often, at most
// every five minutes. Takes the writer's lock only where there is something to change.
//
// In the middle of a rotation it also proves the coming root (rotation_proof.h): once this appliance has followed, again
// every minute, and sooner after a failure.
#pragma once

#include <string>

#include "appliance/federation/bulletin.h"
#include "appliance/manager/bench.h"

namespace chancery::manager {

class NewsTimer {
 public:
  NewsTimer(std::string state_path, Clock clock) : state_path_(std::move(state_path)), clock_(std::move(clock)) {}
  void look();  // never throws

 private:
  void follow();
  void follow_revocations(Bench& bench, const federation::News& news);
  void follow_customer_key(Bench& bench, std::uint64_t number);
  void follow_anchors(Bench& bench, const federation::Bulletin& bulletin);
  void tidy_keys();
  void prove(Bench& bench, const federation::Bulletin& bulletin);

  std::string state_path_;
  Clock clock_;
  int failures_ = 0;
  int failed_proofs_ = 0;
  Instant next_{};
  Instant next_proof_{};
};

}  // namespace chancery::manager
