#include "appliance/console/sessions.h"

#include <algorithm>

#include "keystore/bytes/text_encoding.h"

namespace chancery::console {

namespace {

constexpr std::chrono::hours longest{12};
constexpr std::size_t most_sessions = 64;

std::string hex_id(const Sha256& digest) {
  constexpr const char* digits = "0123456789abcdef";
  std::string id;
  for (std::size_t at = 0; at < 8; ++at) {
    id += digits[digest[at] >> 4U];
    id += digits[digest[at] & 0xfU];
  }
  return id;
}

}  // namespace

std::string random_text(std::size_t bytes) {
  const SecretBytes text = to_base64url_secret(view_of(random_secret(bytes)));
  return std::string(text_of(view_of(text)));
}

Sessions::Sessions(std::chrono::minutes idle, SteadyClock clock) : idle_(idle), clock_(std::move(clock)) {}

Sessions::Begun Sessions::begin(const std::string& person, const std::string& address) {
  const SteadyTime now = clock_();
  Begun begun{.cookie = random_text(32), .session = {}};
  const Sha256 key = sha256(view_of(begun.cookie));
  begun.session = {.id = hex_id(sha256(ByteView(key.data(), key.size()))),
                   .person = person,
                   .address = address,
                   .csrf = random_text(24),
                   .begun = now,
                   .used = now};
  const std::lock_guard lock(mutex_);
  sweep(now);
  if (sessions_.size() >= most_sessions) {
    sessions_.erase(std::ranges::min_element(sessions_, {}, [](const auto& entry) { return entry.second.used; }));
  }
  sessions_.emplace(key, begun.session);
  return begun;
}

std::optional<Session> Sessions::find(const std::string& cookie, bool touch) {
  const SteadyTime now = clock_();
  const Sha256 key = sha256(view_of(cookie));
  const std::lock_guard lock(mutex_);
  sweep(now);
  const auto found = sessions_.find(key);
  if (found == sessions_.end()) return std::nullopt;
  if (touch) found->second.used = now;
  return found->second;
}

void Sessions::end(const std::string& cookie) {
  const Sha256 key = sha256(view_of(cookie));
  const std::lock_guard lock(mutex_);
  sessions_.erase(key);
}

void Sessions::end_all() {
  const std::lock_guard lock(mutex_);
  sessions_.clear();
}

std::vector<Session> Sessions::list() {
  const SteadyTime now = clock_();
  const std::lock_guard lock(mutex_);
  sweep(now);
  std::vector<Session> all;
  for (const auto& [key, session] : sessions_) all.push_back(session);
  std::ranges::sort(all, std::ranges::greater(), &Session::used);
  return all;
}

void Sessions::sweep(SteadyTime now) {
  std::erase_if(sessions_, [&](const auto& entry) {
    return now - entry.second.used >= idle() || now - entry.second.begun >= longest;
  });
}

}  // namespace chancery::console
