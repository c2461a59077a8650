#include "appliance/manager/progress.h"

#include <nlohmann/json.hpp>

#include "keystore/bytes/secret.h"
#include "keystore/bytes/text_encoding.h"

namespace chancery::manager {

namespace {

constexpr std::size_t kept = 256;

}  // namespace

Progress& Progress::of_process() {
  static Progress progress;
  return progress;
}

void Progress::tell(Event event) {
  event.time = system_now();
  const std::lock_guard lock(mutex_);
  event.number = ++last_;
  events_.push_back(std::move(event));
  if (events_.size() > kept) events_.pop_front();
}

void Progress::begun(const std::string& verb, const std::string& who) {
  tell({.number = 0,
        .time = {},
        .kind = "begun",
        .verb = verb,
        .who = who,
        .step = {},
        .outcome = {},
        .code = {},
        .generation = 0});
}

void Progress::reached(change::Step step) {
  tell({.number = 0,
        .time = {},
        .kind = "step",
        .verb = {},
        .who = {},
        .step = change::to_text(step),
        .outcome = {},
        .code = {},
        .generation = 0});
}

void Progress::ended(const std::string& verb, const std::string& who, const std::string& outcome,
                     const std::string& code, std::int64_t generation) {
  tell({.number = 0,
        .time = {},
        .kind = "ended",
        .verb = verb,
        .who = who,
        .step = {},
        .outcome = outcome,
        .code = code,
        .generation = generation});
}

void Progress::recorded(const std::string& verb, const std::string& who, const std::string& outcome) {
  tell({.number = 0,
        .time = {},
        .kind = "recorded",
        .verb = verb,
        .who = who,
        .step = {},
        .outcome = outcome,
        .code = {},
        .generation = 0});
}

void Progress::moved(const std::string& verb, const std::string& who, const std::string& outcome) {
  tell({.number = 0,
        .time = {},
        .kind = "moved",
        .verb = verb,
        .who = who,
        .step = {},
        .outcome = outcome,
        .code = {},
        .generation = 0});
}

nlohmann::json Progress::since(std::int64_t number) {
  const std::lock_guard lock(mutex_);
  if (epoch_.empty()) epoch_ = to_hex(view_of(random_secret(8)));
  nlohmann::json events = nlohmann::json::array();
  for (const Event& event : events_) {
    if (event.number <= number) continue;
    nlohmann::json each{{"number", event.number}, {"time", to_rfc3339(event.time)}, {"kind", event.kind}};
    if (event.kind == "step") {
      each["step"] = event.step;
    } else {
      each["verb"] = event.verb;
      each["who"] = event.who;
    }
    if (!event.outcome.empty()) each["outcome"] = event.outcome;
    if (event.kind == "ended") {
      each["code"] = event.code;
      each["generation"] = event.generation;
    }
    events.push_back(std::move(each));
  }
  return {{"epoch", epoch_}, {"last", last_}, {"events", std::move(events)}};
}

}  // namespace chancery::manager
