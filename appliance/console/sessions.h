// Who is signed in by a browser: the sessions of the console, in memory only, so that a restart ends them all.
//
//   Sessions sessions(15min, steady_clock::now);
//   Sessions::Begun begun = sessions.begin("administrator", "192.0.2.7");     // begun.cookie goes to the browser, once
//   std::optional<Session> session = sessions.find(cookie);                    // touches it
//
// A cookie is 32 random bytes; only its SHA-256 is kept. A session ends when it is not used for `idle`, 12 hours after it
// began, when its person signs out, and when 64 younger ones are there. Signing in never takes over an id that a browser
// brings along (session fixation). Not checked here: passwords (sign_in/administrator.h). Thread safe.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "keystore/openssl/digest.h"

namespace chancery::console {

using SteadyTime = std::chrono::steady_clock::time_point;
using SteadyClock = std::function<SteadyTime()>;

struct Session {
  std::string id;  // of the session for its list and for signing out elsewhere: 16 hex digits, no secret
  std::string person;
  std::string address;
  std::string csrf;  // what every change has to bring in X-CSRF-Token
  SteadyTime begun;
  SteadyTime used;
};

class Sessions {
 public:
  Sessions(std::chrono::minutes idle, SteadyClock clock);

  struct Begun {
    std::string cookie;
    Session session;
  };
  [[nodiscard]] Begun begin(const std::string& person, const std::string& address);
  // `touch`: this is use. A stream that merely stays open is none.
  [[nodiscard]] std::optional<Session> find(const std::string& cookie, bool touch = true);
  void end(const std::string& cookie);
  void end_all();
  [[nodiscard]] std::vector<Session> list();
  std::chrono::minutes idle() const noexcept { return idle_; }
  void set_idle(std::chrono::minutes idle) noexcept { idle_ = idle; }  // those that are there too

 private:
  void sweep(SteadyTime now);

  std::atomic<std::chrono::minutes> idle_;
  const SteadyClock clock_;
  std::mutex mutex_;
  std::map<Sha256, Session> sessions_;  // by the SHA-256 of the cookie
};

// `bytes` random bytes as URL-safe base64 without padding.
[[nodiscard]] std::string random_text(std::size_t bytes);

}  // namespace chancery::console
