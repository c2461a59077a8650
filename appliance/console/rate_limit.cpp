#include "appliance/console/rate_limit.h"

#include <algorithm>

namespace chancery::console {

namespace {

constexpr double seconds_at_once = 20;
constexpr std::size_t most_addresses = 4096;

}  // namespace

RateLimit::RateLimit(int a_second, SteadyClock clock) : a_second_(a_second), clock_(std::move(clock)) {}

bool RateLimit::allows(const std::string& address) {
  const SteadyTime now = clock_();
  const double a_second = a_second_;
  const double at_once = a_second * seconds_at_once;
  const auto refilled = [=](const Measure& measure) {
    const std::chrono::duration<double> passed = now - measure.when;
    return std::min(at_once, measure.left + passed.count() * a_second);
  };
  const std::lock_guard lock(mutex_);
  if (measures_.size() >= most_addresses) {
    std::erase_if(measures_, [&](const auto& entry) { return refilled(entry.second) >= at_once; });
    if (measures_.size() >= most_addresses) measures_.clear();
  }
  const auto [entry, is_new] = measures_.try_emplace(address, Measure{.left = at_once, .when = now});
  Measure& measure = entry->second;
  if (!is_new) measure = {.left = refilled(measure), .when = now};
  if (measure.left < 1) return false;
  measure.left -= 1;
  return true;
}

}  // namespace chancery::console
