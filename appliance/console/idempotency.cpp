#include "appliance/console/idempotency.h"

#include <algorithm>

namespace chancery::console {

namespace {

constexpr std::chrono::hours kept{1};
constexpr std::size_t most_known = 256;
constexpr std::size_t longest_key = 128;

}  // namespace

std::optional<http::Answer> Idempotency::begin(const std::string& person, const std::string& key,
                                               const Sha256& request) {
  if (key.size() > longest_key) {
    return http::Answer::problem(400, "bad-request", "This Idempotency-Key is too long",
                                 "Take a random text of at most 128 characters, a UUID for instance.");
  }
  const SteadyTime now = clock_();
  const std::lock_guard lock(mutex_);
  std::erase_if(known_, [now](const auto& entry) { return entry.second.answer && now - entry.second.when > kept; });
  const auto found = known_.find({person, key});
  if (found != known_.end()) {
    if (found->second.request != request) {
      return http::Answer::problem(422, "idempotency-key-reused", "This Idempotency-Key was used for another request",
                                   "Take a new key for each change.");
    }
    if (!found->second.answer) {
      return http::Answer::problem(409, "busy", "The same request is being carried out", "Ask again in a moment.");
    }
    http::Answer again = *found->second.answer;
    again.headers["Idempotency-Replayed"] = "true";
    return again;
  }
  if (known_.size() >= most_known) {
    const auto oldest = std::ranges::min_element(known_, {}, [](const auto& entry) { return entry.second.when; });
    known_.erase(oldest);
  }
  known_[{person, key}] = {.request = request, .when = now, .answer = std::nullopt};
  return std::nullopt;
}

void Idempotency::finish(const std::string& person, const std::string& key, const http::Answer& answer) {
  const std::lock_guard lock(mutex_);
  const auto found = known_.find({person, key});
  if (found == known_.end()) return;
  found->second.answer = answer;
  found->second.when = clock_();
}

void Idempotency::abandon(const std::string& person, const std::string& key) {
  const std::lock_guard lock(mutex_);
  known_.erase({person, key});
}

}  // namespace chancery::console
