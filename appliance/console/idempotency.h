// The answers to changes that came with an Idempotency-Key: the same request again gets the same answer and changes
// nothing, so that a script may repeat what it got no answer to.
//
//   if (auto known = answers.begin(person, key, digest)) return *known;   // or 409 while it runs, 422 for another request
//   http::Answer answer = …;  answers.finish(person, key, answer);
//
// In memory, of the last hour and at most 256; a restart forgets them. Not for answers that hand out a secret or a
// file. A request that was refused before the manager was asked is forgotten, too (abandon). Thread safe.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "appliance/http/server.h"
#include "keystore/openssl/digest.h"

namespace chancery::console {

class Idempotency {
 public:
  using SteadyTime = std::chrono::steady_clock::time_point;
  using SteadyClock = std::function<SteadyTime()>;
  explicit Idempotency(SteadyClock clock = std::chrono::steady_clock::now) : clock_(std::move(clock)) {}

  [[nodiscard]] std::optional<http::Answer> begin(const std::string& person, const std::string& key,
                                                  const Sha256& request);
  void finish(const std::string& person, const std::string& key, const http::Answer& answer);
  void abandon(const std::string& person, const std::string& key);

 private:
  struct Known {
    Sha256 request{};
    SteadyTime when{};
    std::optional<http::Answer> answer;  // absent while it runs
  };
  const SteadyClock clock_;
  std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, Known> known_;
};

}  // namespace chancery::console
