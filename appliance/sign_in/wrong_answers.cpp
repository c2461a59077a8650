#include "appliance/sign_in/wrong_answers.h"

namespace chancery {

namespace {

constexpr int answers_allowed = 10;
constexpr std::chrono::seconds window{60};
constexpr std::size_t addresses_remembered = 4096;

}  // namespace

bool WrongAnswers::is_over(const Entry& entry) const { return clock_() - entry.since > window; }

bool WrongAnswers::must_wait(const std::string& address) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(address);
  return found != entries_.end() && found->second.count >= answers_allowed && !is_over(found->second);
}

void WrongAnswers::count(const std::string& address) {
  const std::lock_guard lock(mutex_);
  if (entries_.size() >= addresses_remembered && !entries_.contains(address)) {
    std::erase_if(entries_, [this](const auto& entry) { return is_over(entry.second); });
    if (entries_.size() >= addresses_remembered) entries_.clear();
  }
  Entry& entry = entries_[address];
  // An answer may have taken longer than what was left of the minute.
  if (entry.count == 0 || is_over(entry)) entry = {.count = 0, .since = clock_()};
  ++entry.count;
}

std::string address_without_port(const std::string& peer) { return peer.substr(0, peer.rfind(':')); }

http::Answer too_many_attempts() {
  http::Answer answer =
      http::Answer::problem(429, "too-many-attempts", "Too many wrong passwords", "Wait a minute, then try again.");
  answer.headers["Retry-After"] = "60";
  return answer;
}

http::Answer sign_in_challenge(const std::string& detail) {
  http::Answer answer = http::Answer::problem(401, "sign-in-required", "Sign in", detail);
  answer.headers["WWW-Authenticate"] = "Basic realm=\"Chancery\", charset=\"UTF-8\"";
  return answer;
}

}  // namespace chancery
