// How many requests an address may make: so many a second in the long run, and twenty times as many at once.
//
//   RateLimit rate(20);
//   if (!rate.allows("192.0.2.7")) return …429…;
//
// Of at most 4,096 addresses; with more, those that are back to their full measure are forgotten first. Thread safe.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <string>

namespace chancery::console {

class RateLimit {
 public:
  using SteadyTime = std::chrono::steady_clock::time_point;
  using SteadyClock = std::function<SteadyTime()>;
  explicit RateLimit(int a_second, SteadyClock clock = std::chrono::steady_clock::now);

  [[nodiscard]] bool allows(const std::string& address);
  void set(int a_second) noexcept { a_second_ = a_second; }

 private:
  struct Measure {
    double left = 0;
    SteadyTime when{};
  };
  std::atomic<int> a_second_;
  const SteadyClock clock_;
  std::mutex mutex_;
  std::map<std::string, Measure> measures_;
};

}  // namespace chancery::console
