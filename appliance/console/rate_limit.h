// How many requests an address may make: 20 a second in the long run, 400 at once.
//
//   if (!rate.allows("192.0.2.7")) return …429…;
//
// Of at most 4,096 addresses; with more, those that are back to their full measure are forgotten first. Thread safe.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>

namespace chancery::console {

class RateLimit {
 public:
  [[nodiscard]] bool allows(const std::string& address);

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;
  struct Measure {
    double left = 0;
    SteadyTime when{};
  };
  std::mutex mutex_;
  std::map<std::string, Measure> measures_;
};

}  // namespace chancery::console
