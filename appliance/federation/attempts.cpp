#include "appliance/federation/attempts.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace chancery::federation {
namespace {

constexpr std::size_t allowed_failures = 10;
constexpr std::chrono::seconds window{60};
constexpr std::size_t most_addresses = 4096;

std::string without_port(const std::string& peer) {
  if (peer.starts_with('[')) return peer.substr(1, peer.find(']') - 1);
  const std::size_t colon = peer.find(':');
  const bool one_colon = colon != std::string::npos && peer.find(':', colon + 1) == std::string::npos;
  return one_colon ? peer.substr(0, colon) : peer;
}

// A clock that was set back must not keep anybody out: what lies ahead of now is over, too.
void drop_old(std::vector<Instant>& times, Instant now) {
  std::erase_if(times, [&](Instant time) { return time > now || now - time >= window; });
}

}  // namespace

std::string Attempts::address_of(const std::string& peer) {
  std::string host = without_port(peer);
  std::array<std::uint8_t, 16> octets{};
  if (::inet_pton(AF_INET6, host.c_str(), octets.data()) != 1) return host;
  std::array<char, INET6_ADDRSTRLEN> text{};
  constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::equal(mapped.begin(), mapped.end(), octets.begin())) {
    return ::inet_ntop(AF_INET, octets.data() + mapped.size(), text.data(), text.size());
  }
  std::fill(octets.begin() + 8, octets.end(), std::uint8_t{0});
  return std::string(::inet_ntop(AF_INET6, octets.data(), text.data(), text.size())) + "/64";
}

bool Attempts::must_wait(const std::string& peer, Instant now) {
  const std::lock_guard lock(mutex_);
  const auto found = failures_.find(address_of(peer));
  if (found == failures_.end()) return false;
  drop_old(found->second, now);
  return found->second.size() >= allowed_failures;
}

void Attempts::failed(const std::string& peer, Instant now) {
  const std::lock_guard lock(mutex_);
  const std::string address = address_of(peer);
  if (failures_.size() >= most_addresses && !failures_.contains(address)) forget_old(now);
  std::vector<Instant>& times = failures_[address];
  drop_old(times, now);
  times.push_back(now);
}

void Attempts::forget_old(Instant now) {
  for (auto entry = failures_.begin(); entry != failures_.end();) {
    drop_old(entry->second, now);
    entry = entry->second.empty() ? failures_.erase(entry) : std::next(entry);
  }
  if (failures_.size() < most_addresses) return;
  failures_.erase(std::min_element(failures_.begin(), failures_.end(), [](const auto& left, const auto& right) {
    return left.second.back() < right.second.back();
  }));
}

}  // namespace chancery::federation
