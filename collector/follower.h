// What a collector does with the engine's word on the federation's trust, as a state machine without a socket: anchors
// are kept and answered, roots to be proven fall due at a moment of its own choice, revocation lists are kept.
//
//   Follower follower({.anchors = anchors, .revocations = lists, .trust = trust, .may_learn = verified});
//   if (auto answer = follower.take(message)) dialogue.send(*answer);
//   if (auto root = follower.due(now)) { prove(…); dialogue.send(follower.proven(root->fingerprint())); }
//
// Over a connection that was not verified nothing is learned; the answer then is that nothing is needed. A proof that
// failed is tried again after half a minute, then after twice the time, up to half an hour. Thread safety: one thread.
#pragma once

#include <map>
#include <optional>
#include <random>

#include "collector/kept_anchors.h"
#include "collector/kept_revocations.h"
#include "collector/trust.h"

namespace chancery::collector {

class Follower {
 public:
  using SteadyTime = std::chrono::steady_clock::time_point;
  struct Parts {
    KeptAnchors& anchors;
    KeptRevocations& revocations;
    const Trust& trust;
    bool may_learn = false;
  };
  explicit Follower(Parts parts) : parts_(parts) {}

  // The answer to anchors, prove and revocations; nullopt for these where none is due, and for every other message.
  std::optional<wire::Message> take(const wire::Message& message);
  // A root whose proof is due; SteadyTime::max() when there is none.
  SteadyTime next() const;
  std::optional<Certificate> due(SteadyTime now) const;
  wire::Message proven(const std::string& root);  // what to tell the engine
  void failed(const std::string& root, SteadyTime now);

 private:
  struct Pending {
    SteadyTime when;
    std::chrono::seconds pause{30};
  };
  wire::Message holds() const;
  void schedule(const wire::Prove& prove, SteadyTime now);

  Parts parts_;
  std::map<std::string, Pending> pending_;
  std::mt19937 random_{std::random_device{}()};
};

}  // namespace chancery::collector
