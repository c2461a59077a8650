#include "collector/discovery.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "appliance/tls/descriptor.h"
#include "appliance/wire/discovery_packet.h"
#include "keystore/fault.h"

namespace chancery::collector {

namespace {

using namespace std::chrono_literals;
using SteadyTime = std::chrono::steady_clock::time_point;

constexpr auto between_looks = 10s;
constexpr std::chrono::seconds passed_over_for = 10min;
constexpr std::chrono::seconds silent_for = 30s;
constexpr std::size_t most_servers = 8;
constexpr std::size_t most_of_one_address = 2;
constexpr std::size_t most_datagrams = 200;
constexpr std::size_t most_remembered = 256;

// False: it is time to stop. `socket` may be -1.
bool wait_until(SteadyTime until, int socket, int stop_descriptor) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
  std::array<pollfd, 2> watched{pollfd{stop_descriptor, POLLIN, 0}, pollfd{socket, POLLIN, 0}};
  ::poll(watched.data(), watched.size(), static_cast<int>(std::max<std::int64_t>(0, left.count())));
  return watched[0].revents == 0;
}

sockaddr_in address_of(const std::string& host, int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  if (::inet_pton(AF_INET, host.c_str(), &address.sin_addr) == 1) return address;
  throw Failure({.code = "bad-setting",
                 .subject = "collector.discovery-address",
                 .cause = "\"" + host + "\" is no IPv4 address",
                 .hint = "give a broadcast address, for instance 255.255.255.255 or 192.0.2.255"});
}

tls::Descriptor open_socket(const std::string& host, int port) {
  tls::Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) throw system_failure(errno, "open", "a socket for discovery");
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const sockaddr_in own = address_of(host, port);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) {
    throw system_failure(errno, "listen on", "UDP port " + std::to_string(port));
  }
  return socket;
}

std::string text_of_address(const sockaddr_in& address) {
  std::array<char, INET_ADDRSTRLEN> text{};
  return ::inet_ntop(AF_INET, &address.sin_addr, text.data(), text.size()) != nullptr ? text.data() : "";
}

std::string key_of(const tls::Target& server) { return server.host + ":" + std::to_string(server.port); }

}  // namespace

std::vector<tls::Target> Discovery::look(Way way, int stop_descriptor) {
  if (!wait_until(next_look_, -1, stop_descriptor)) return {};
  const SteadyTime now = std::chrono::steady_clock::now();
  if (now < next_look_) return {};
  next_look_ = now + between_looks;
  try {
    if (way == Way::beacon) {
      const tls::Descriptor socket = open_socket("0.0.0.0", options_.port);
      return gather(socket.get(), "", now + options_.beacon_span, stop_descriptor);
    }
    const sockaddr_in all = address_of(options_.broadcast_address, options_.port);
    const tls::Descriptor socket = open_socket("0.0.0.0", 0);
    const std::string nonce = wire::fresh_discovery_nonce();
    const std::string question = wire::write_discovery({.is_question = true, .nonce = nonce, .port = 0});
    if (::sendto(socket.get(), question.data(), question.size(), 0, reinterpret_cast<const sockaddr*>(&all),
                 sizeof all) < 0) {
      throw system_failure(errno, "ask", options_.broadcast_address);
    }
    return gather(socket.get(), nonce, now + options_.answer_span, stop_descriptor);
  } catch (const Failure& failure) {
    spdlog::warn("discovery: {} (hint: {})", failure.what(), failure.hint());
    return {};
  }
}

std::vector<tls::Target> Discovery::gather(int socket, const std::string& nonce, SteadyTime until,
                                           int stop_descriptor) const {
  std::vector<tls::Target> found;
  for (std::size_t datagrams = 0; datagrams < most_datagrams && found.size() < most_servers; ++datagrams) {
    if (!wait_until(until, socket, stop_descriptor) || std::chrono::steady_clock::now() >= until) break;
    std::array<char, wire::discovery_limit + 1> buffer{};
    sockaddr_in from{};
    socklen_t size = sizeof from;
    const auto got = ::recvfrom(socket, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (got <= 0 || size != sizeof from) continue;
    const auto packet = wire::read_discovery({buffer.data(), static_cast<std::size_t>(got)});
    if (!packet || packet->is_question || packet->nonce != nonce) continue;
    tls::Target server{text_of_address(from), packet->port, ""};
    if (is_passed_over(key_of(server), std::chrono::steady_clock::now())) continue;
    const bool is_known = std::ranges::any_of(found, [&](const auto& each) { return key_of(each) == key_of(server); });
    const auto of_one = std::ranges::count_if(found, [&](const auto& each) { return each.host == server.host; });
    if (is_known || of_one >= static_cast<std::ptrdiff_t>(most_of_one_address)) continue;
    found.push_back(std::move(server));
    // One beacon is enough to go by; the others come round again.
    if (nonce.empty()) break;
  }
  return found;
}

bool Discovery::is_passed_over(const std::string& address, SteadyTime now) const {
  const auto known = unproven_.find(address);
  return known != unproven_.end() && now < known->second;
}

void Discovery::set_unproven(const tls::Target& server, bool is_stranger) {
  const SteadyTime now = std::chrono::steady_clock::now();
  std::erase_if(unproven_, [now](const auto& each) { return each.second <= now; });
  if (unproven_.size() < most_remembered) {
    unproven_[key_of(server)] = now + (is_stranger ? passed_over_for : silent_for);
  }
}

}  // namespace chancery::collector
