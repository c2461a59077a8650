// Server-Sent Events (HTML Living Standard, 9.2) to every page that is open: what one thread tells, all listeners hear.
//
//   EventStream events(24);
//   routes.add("GET", "/api/v1/events", [&](const Call& call) { return events.answer(call, [] { return true; }); });
//   events.tell("changed", "{}");
//   events.close();                    // before the server stops: streams end within a moment
//
// A stream begins with "hello", so that whoever was away asks anew for what it shows. Each takes a worker of the web
// server for as long as it lasts, so their number is bounded: 64 workers (server.h) less this many answer everybody
// else. It ends when its listener has gone or is no longer welcome, which is looked at about once a second. Of events
// that a slow reader has not taken the newest 512 wait. Thread safe.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "appliance/http/server.h"

namespace chancery::http {

class EventStream {
 public:
  explicit EventStream(std::size_t most_listeners) : most_listeners_(most_listeners) {}
  // A stream, or a problem (503, busy) where too many listen already.
  [[nodiscard]] Answer answer(const Call& call, std::function<bool()> is_welcome);
  void tell(const std::string& event, const std::string& json);
  // What "hello" says from now on; {} at first.
  void greet_with(const std::string& json);
  [[nodiscard]] bool is_heard() const;
  void close();

 private:
  struct Listener;
  std::string next(Listener& listener);

  const std::size_t most_listeners_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::string greeting_ = "{}";
  std::deque<std::string> events_;  // the newest
  std::uint64_t told_ = 0;          // how many there ever were
  std::size_t listeners_ = 0;
  bool is_closed_ = false;
};

}  // namespace chancery::http
