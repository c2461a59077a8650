// Who has guessed too often: 10 wrong answers from an address within a minute, and it waits for the rest of that minute.
//
//   if (wrong.must_wait(address)) return too_many_attempts();
//   if (!right) wrong.count(address);
//
// Of at most 4,096 addresses; with more, those whose minute is over are forgotten first. Thread safe.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "appliance/http/server.h"

namespace chancery {

class WrongAnswers {
 public:
  using SteadyTime = std::chrono::steady_clock::time_point;
  using SteadyClock = std::function<SteadyTime()>;
  explicit WrongAnswers(SteadyClock clock = std::chrono::steady_clock::now) : clock_(std::move(clock)) {}

  bool must_wait(const std::string& address);
  void count(const std::string& address);

 private:
  struct Entry {
    int count = 0;
    SteadyTime since{};
  };
  bool is_over(const Entry& entry) const;

  const SteadyClock clock_;
  std::mutex mutex_;
  std::map<std::string, Entry> entries_;
};

[[nodiscard]] std::string address_without_port(const std::string& peer);
[[nodiscard]] http::Answer too_many_attempts();                           // 429
[[nodiscard]] http::Answer sign_in_challenge(const std::string& detail);  // 401

}  // namespace chancery
