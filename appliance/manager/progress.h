// What the changes of this process do at the moment, for whoever looks on (the console's pages).
//
//   Progress::of_process().begun("cert-replace", "chancery-console (uid 997) for administrator");
//   Progress::of_process().reached(change::Step::staged);
//   nlohmann::json news = Progress::of_process().since(41);   // {"epoch","last","events":[{"number","time","kind",…}]}
//
// Kinds: "begun" {verb, who}, "step" {step}, "ended" {verb, who, outcome, code, generation}, and "recorded" for what is in
// the audit and is no change (a sign-in, an export), and "moved" {verb, who, outcome} for a step of what takes many (a
// rollout), both of which may come between the others. One change is made at a time
// (STATE/lock), so steps belong to the last that begun. In memory, the newest 256; `epoch` is another in each process.
// Nothing secret: verbs, names of users, steps. Where the command line does a change itself, because no manager runs,
// nobody is told. Thread safe.
#pragma once

#include <deque>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "appliance/change/step.h"
#include "keystore/x509/instant.h"

namespace chancery::manager {

class Progress {
 public:
  [[nodiscard]] static Progress& of_process();

  void begun(const std::string& verb, const std::string& who);
  void reached(change::Step step);
  void ended(const std::string& verb, const std::string& who, const std::string& outcome, const std::string& code,
             std::int64_t generation);
  void recorded(const std::string& verb, const std::string& who, const std::string& outcome);
  void moved(const std::string& verb, const std::string& who, const std::string& outcome);
  [[nodiscard]] nlohmann::json since(std::int64_t number);

 private:
  struct Event {
    std::int64_t number;
    Instant time;
    std::string kind;
    std::string verb;
    std::string who;
    std::string step;
    std::string outcome;
    std::string code;
    std::int64_t generation;
  };
  void tell(Event event);

  std::mutex mutex_;
  std::deque<Event> events_;
  std::int64_t last_ = 0;
  std::string epoch_;
};

}  // namespace chancery::manager
