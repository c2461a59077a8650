// What changes, told to every open page as it happens: Server-Sent Events (HTML Living Standard, 9.2).
//
//   EventHub hub(manager);
//   program.run_in_background("events", [&] { hub.run(program); });
//   answer.stream = hub.listen([&] { return sessions.find(cookie, false).has_value(); });
//
// Events: "hello" at the beginning (whoever was away asks anew for what it shows), "progress" for what changes do
// (manager/progress.h, one JSON object each), "manager" {"running":bool}. The manager is asked five times a second while
// somebody listens, once a second otherwise. At most 24 listen at once: each takes a worker of the web server. A stream
// ends when its listener is no longer welcome, at the latest a second later. Thread safe.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "appliance/console/manager_line.h"
#include "appliance/serving/serving_program.h"

namespace chancery::console {

class EventHub {
 public:
  explicit EventHub(ManagerLine& manager) : manager_(manager) {}
  // Until the program stops.
  void run(serving::Program& program);
  // nullopt: too many listen. `is_welcome` is asked about once a second.
  [[nodiscard]] std::optional<std::function<std::string()>> listen(std::function<bool()> is_welcome);

 private:
  struct Listener;
  void look();
  void tell(const std::string& event, const std::string& data);
  std::string next(Listener& listener);

  ManagerLine& manager_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> events_;  // the newest
  std::uint64_t told_ = 0;          // how many there ever were
  std::size_t listeners_ = 0;
  bool is_closed_ = false;
  std::string epoch_;  // of the manager's numbers: another after it was started anew
  std::int64_t seen_ = 0;
  std::optional<bool> manager_runs_;
};

}  // namespace chancery::console
