#include "appliance/wire/discovery_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "appliance/tls/tcp.h"
#include "keystore/fault.h"

namespace chancery::wire {

namespace {

using SteadyTime = std::chrono::steady_clock::time_point;
constexpr std::size_t answers_a_second = 50;
constexpr std::size_t answers_to_one = 4;

sockaddr_in address_of(const std::string& host, int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  if (::inet_pton(AF_INET, host.c_str(), &address.sin_addr) == 1) return address;
  throw Failure({.code = "bad-address",
                 .subject = host,
                 .cause = "this is no IPv4 address",
                 .hint = "give a broadcast address, for instance 255.255.255.255 or 192.0.2.255"});
}

}  // namespace

struct DiscoveryServer::State {
  State(DiscoveryOptions given, Port where) : options(std::move(given)), port(std::move(where)) {}
  DiscoveryOptions options;
  Port port;
  tls::Descriptor socket;
  SteadyTime next_beacon{};
  SteadyTime second_ends{};
  std::size_t answered = 0;
  std::map<std::uint32_t, std::size_t> answered_to;

  void beacon(SteadyTime now) {
    if (options.beacon_seconds == 0 || now < next_beacon) return;
    next_beacon = now + std::chrono::seconds(options.beacon_seconds);
    if (const int own = port(); own != 0) {
      send({.is_question = false, .nonce = "", .port = own}, address_of(options.broadcast_address, options.port));
    }
  }

  void send(const DiscoveryPacket& packet, const sockaddr_in& to) const {
    const std::string text = write_discovery(packet);
    // A full queue, an interface that is down: the next one may get through.
    [[maybe_unused]] const auto sent = ::sendto(socket.get(), text.data(), text.size(), MSG_DONTWAIT,
                                                reinterpret_cast<const sockaddr*>(&to), sizeof to);
  }

  bool may_answer(const sockaddr_in& to, SteadyTime now) {
    if (now >= second_ends) {
      second_ends = now + std::chrono::seconds(1);
      answered = 0;
      answered_to.clear();
    }
    if (answered >= answers_a_second || answered_to[to.sin_addr.s_addr] >= answers_to_one) return false;
    ++answered;
    ++answered_to[to.sin_addr.s_addr];
    return true;
  }

  void take() {
    std::array<char, discovery_limit + 1> buffer{};
    sockaddr_in from{};
    socklen_t size = sizeof from;
    const auto got =
        ::recvfrom(socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&from), &size);
    if (got <= 0 || size != sizeof from) return;
    const auto packet = read_discovery({buffer.data(), static_cast<std::size_t>(got)});
    if (!packet || !packet->is_question || !options.answers) return;
    const int own = port();
    if (own == 0 || !may_answer(from, std::chrono::steady_clock::now())) return;
    send({.is_question = false, .nonce = packet->nonce, .port = own}, from);
  }
};

DiscoveryServer::DiscoveryServer(DiscoveryOptions options, Port port)
    : state_(std::make_unique<State>(std::move(options), std::move(port))) {
  static_cast<void>(address_of(state_->options.broadcast_address, state_->options.port));
  state_->socket.reset(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int descriptor = state_->socket.get();
  const int on = 1;
  if (descriptor < 0) throw system_failure(errno, "open", "a socket for discovery");
  ::setsockopt(descriptor, SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
  // Questions are broadcast, and every server of a machine hears them.
  ::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (!state_->options.answers) return;
  const sockaddr_in any = address_of("0.0.0.0", state_->options.port);
  if (::bind(descriptor, reinterpret_cast<const sockaddr*>(&any), sizeof any) == 0) return;
  if (errno != EADDRINUSE) throw system_failure(errno, "listen on", "UDP port " + std::to_string(state_->options.port));
  throw Failure({.code = "port-taken",
                 .subject = "UDP port " + std::to_string(state_->options.port),
                 .cause = "another program listens on this port and shares it with nobody",
                 .hint = "end it (ss -lunp shows it), or set another discovery-port here and on the collectors"});
}

DiscoveryServer::~DiscoveryServer() = default;

void DiscoveryServer::turn(std::chrono::milliseconds span) {
  const SteadyTime until = std::chrono::steady_clock::now() + span;
  while (true) {
    const SteadyTime now = std::chrono::steady_clock::now();
    state_->beacon(now);
    if (now >= until) return;
    SteadyTime wake = until;
    if (state_->options.beacon_seconds != 0) wake = std::min(wake, state_->next_beacon);
    if (tls::wait_for(state_->socket.get(), POLLIN, wake)) state_->take();
  }
}

}  // namespace chancery::wire
