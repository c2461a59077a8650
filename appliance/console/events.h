// What changes, told to every open page of the console as it happens (http/event_stream.h).
//
//   EventHub hub(manager);
//   program.run_in_background("events", [&] { hub.run(program); });
//   return hub.answer(call, [&] { return sessions.find(cookie, false).has_value(); });
//
// Events: "hello" at the beginning (whoever was away asks anew for what it shows), "progress" for what changes do
// (manager/progress.h, one JSON object each), "manager" {"running":bool}. The manager is asked five times a second while
// somebody listens, once a second otherwise. At most 24 listen at once. Thread safe.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "appliance/console/manager_line.h"
#include "appliance/http/event_stream.h"
#include "appliance/serving/serving_program.h"

namespace chancery::console {

class EventHub {
 public:
  explicit EventHub(ManagerLine& manager) : manager_(manager) {}
  // Until the program stops.
  void run(serving::Program& program);
  // Asks the manager once and tells what is new. Of one thread at a time.
  void look();
  [[nodiscard]] http::Answer answer(const http::Call& call, std::function<bool()> is_welcome) {
    return stream_.answer(call, std::move(is_welcome));
  }

 private:
  static constexpr std::size_t most_listeners = 24;

  ManagerLine& manager_;
  http::EventStream stream_{most_listeners};
  std::string epoch_;  // of the manager's numbers: another after it was started anew
  std::int64_t seen_ = 0;
  std::optional<bool> manager_runs_;
};

}  // namespace chancery::console
