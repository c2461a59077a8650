// The life of a collector: which server under which trust is tried next, for as long as the process runs.
//
//   Course course({.state = state, .settings = settings, .identity = identity, …});
//   course.run();                       // until the stop descriptor becomes readable
//
// One round tries what standing.h's attempts() say: a candidate first, then what is in force; of each all servers in
// their order, at once one after the other; after a round without success there is a pause, ever longer up to half a
// minute, drawn by chance. While it is connected under what is in force, a candidate is proven over a connection of its
// own, after a moment and then ever more rarely; once it is proven it is bound, and the connection goes over to it.
// Settings are read once (what files they name: for each round). Thread safety: run() on one thread.
#pragma once

#include <chrono>
#include <optional>
#include <random>

#include "collector/discovery.h"
#include "collector/signals.h"
#include "collector/standing.h"
#include "collector/status.h"
#include "collector/uplink.h"

namespace chancery::collector {

class Course {
 public:
  struct Parts {
    const Folder& state;
    const CollectorSettings& settings;
    const OwnIdentity& identity;
    CustomerKeyring& customer_keys;
    const Signals& signals;
    Status& status;
  };
  explicit Course(const Parts& parts);
  void run();

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;
  enum class Outcome { stop, failed, ended, again };  // again: at once, something has changed

  Outcome round();
  Outcome attempt(const Attempt& attempt);
  Outcome connect(const Attempt& attempt, const tls::Target& server, bool is_found, bool is_assigned = false);
  std::vector<std::string> steps_of(const Situation& situation) const;
  void look();  // reads what stands in the state
  void on_connected(const Attempt& attempt, bool verified);
  wire::Moved take_trust(const Situation& present, const wire::Move& move);
  wire::Moved take_move(const Situation& present, const wire::Move& move);
  wire::Moved take(Situation next, const wire::Move& move, const char* told);
  UplinkEvents::Trial try_candidate();
  bool has_something_new() const;
  std::vector<Situation> next_situations() const;
  void plan_trial(std::chrono::milliseconds from, std::chrono::milliseconds to);
  bool pause(std::chrono::milliseconds span) const;  // false: it is time to stop
  Trust trust_of(const Situation& situation, bool is_found) const;

  Parts parts_;
  Standing standing_;
  std::optional<Situation> settings_now_;
  std::unique_ptr<KeptAnchors> anchors_;
  std::string anchors_file_;
  KeptRevocations revocations_;
  Discovery discovery_;
  std::uint64_t number_ = 0;
  SteadyTime next_trial_ = SteadyTime::max();
  std::chrono::milliseconds trial_pause_{0};
  std::chrono::milliseconds wanted_pause_{0};  // a server said when to come back
  std::mt19937 random_{std::random_device{}()};
};

}  // namespace chancery::collector
