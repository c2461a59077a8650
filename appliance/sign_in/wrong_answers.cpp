#include "appliance/sign_in/wrong_answers.h"

namespace chancery {

namespace {

constexpr int answers_allowed = 10;
constexpr std::chrono::seconds window{60};
constexpr std::size_t addresses_remembered = 4096;

}  // namespace

bool WrongAnswers::must_wait(const std::string& address) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(address);
  if (found == entries_.end()) return false;
  if (std::chrono::steady_clock::now() - found->second.since > window) {
    entries_.erase(found);
    return false;
  }
  return found->second.count >= answers_allowed;
}

void WrongAnswers::count(const std::string& address) {
  const std::lock_guard lock(mutex_);
  if (entries_.size() >= addresses_remembered) entries_.clear();
  Entry& entry = entries_[address];
  if (entry.count++ == 0) entry.since = std::chrono::steady_clock::now();
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
