#include "appliance/tls/listener.h"

#include <sys/socket.h>

#include <atomic>
#include <vector>

#include "appliance/tls/event_loop.h"
#include "appliance/tls/tcp.h"

namespace chancery::tls {

struct Listener::State {
  State(const Live& live, ListenerHandlers handlers, ListenerLimits limits)
      : shared{.live = live, .handlers = std::move(handlers), .limits = limits, .channels = {}, .context = {}} {
    for (const auto& [protocol, handler] : shared.handlers.channels) shared.channels.insert(protocol);
  }

  EventLoop& next() { return *loops[turn++ % loops.size()]; }

  LoopShared shared;
  std::atomic<std::size_t> turn = 0;
  std::vector<std::unique_ptr<EventLoop>> loops;
};

Listener::Listener(const Live& live, ListenerHandlers handlers, ListenerLimits limits, unsigned loops)
    : state_(std::make_unique<State>(live, std::move(handlers), limits)) {
  for (unsigned i = 0; i < std::max(loops, 1U); ++i) {
    state_->loops.push_back(std::make_unique<EventLoop>(state_->shared));
  }
}

Listener::~Listener() = default;

void Listener::serve(const std::map<std::string, std::shared_ptr<Descriptor>>& sockets) {
  for (auto& loop : state_->loops) loop->serve(sockets);
}

void Listener::take(Descriptor connected, const std::string& endpoint) {
  auto peer = std::make_unique<Peer>();
  SocketAddress address;
  address.size = sizeof address.storage;
  ::getpeername(connected.get(), reinterpret_cast<sockaddr*>(&address.storage), &address.size);
  peer->address = address.text();
  peer->raw = std::move(connected);
  peer->endpoint = endpoint;
  state_->next().add(std::move(peer));
}

void Listener::resume(Arrival arrival) {
  auto peer = std::make_unique<Peer>();
  peer->stage = Peer::Stage::idle;
  peer->deadline = within(state_->shared.limits.idle);
  peer->endpoint = std::move(arrival.endpoint);
  peer->address = arrival.connection.peer_address();
  peer->number = arrival.number;
  peer->requests = arrival.requests + 1;
  peer->received = std::move(arrival.received);
  peer->connection = std::move(arrival.connection);
  state_->next().add(std::move(peer));
}

void Listener::drain(Connection connection) {
  connection.close_writing();
  auto peer = std::make_unique<Peer>();
  peer->stage = Peer::Stage::draining;
  peer->deadline = within(state_->shared.limits.drain);
  peer->address = connection.peer_address();
  peer->connection = std::move(connection);
  state_->next().add(std::move(peer));
}

std::size_t Listener::connections() const {
  std::size_t sum = 0;
  for (const auto& loop : state_->loops) sum += loop->size();
  return sum;
}

}  // namespace chancery::tls
