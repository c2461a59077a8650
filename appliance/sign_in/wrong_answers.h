// Who has guessed too often: 10 wrong answers from an address within a minute, and it waits for the rest of that minute.
//
//   if (wrong.must_wait(address)) return too_many_attempts();
//   if (!right) wrong.count(address);
//
// Thread safe.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>

#include "appliance/http/server.h"

namespace chancery {

class WrongAnswers {
 public:
  bool must_wait(const std::string& address);
  void count(const std::string& address);

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;
  struct Entry {
    int count = 0;
    SteadyTime since{};
  };
  std::mutex mutex_;
  std::map<std::string, Entry> entries_;
};

[[nodiscard]] std::string address_without_port(const std::string& peer);
[[nodiscard]] http::Answer too_many_attempts();                           // 429
[[nodiscard]] http::Answer sign_in_challenge(const std::string& detail);  // 401

}  // namespace chancery
