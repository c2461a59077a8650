#include "appliance/tls/event_loop.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <cstring>
#include <future>

#include "appliance/tls/log_lines.h"
#include "appliance/tls/tcp.h"

namespace chancery::tls {
namespace {

constexpr int accepts_at_once = 64;
constexpr auto accept_pause = std::chrono::milliseconds(100);
constexpr auto sweep_interval = std::chrono::milliseconds(250);

}  // namespace

EventLoop::EventLoop(LoopShared& shared)
    : shared_(shared), epoll_(::epoll_create1(EPOLL_CLOEXEC)), wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (!epoll_ || !wake_) throw system_failure(errno, "make an event loop", "");
  epoll_event event{.events = EPOLLIN, .data = {.fd = wake_.get()}};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event);
  thread_ = std::thread([this] { run(); });
}

EventLoop::~EventLoop() {
  stopping_ = true;
  post([] {});
  thread_.join();
}

void EventLoop::log(const std::string& line) const {
  if (shared_.handlers.log) shared_.handlers.log(line);
}

void EventLoop::post(std::function<void()> call) {
  {
    std::lock_guard guard(mutex_);
    inbox_.push_back(std::move(call));
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] auto written = ::write(wake_.get(), &one, sizeof one);
}

void EventLoop::add(std::unique_ptr<Peer> peer) {
  {
    std::lock_guard guard(mutex_);
    arriving_.push_back(std::move(peer));
  }
  post([] {});
}

void EventLoop::serve(const Sockets& sockets) {
  std::promise<void> done;
  post([&] {
    replace_sockets(sockets);
    done.set_value();
  });
  done.get_future().wait();
}

void EventLoop::take_inbox() {
  std::uint64_t count = 0;
  [[maybe_unused]] auto read = ::read(wake_.get(), &count, sizeof count);
  std::vector<std::function<void()>> calls;
  std::vector<std::unique_ptr<Peer>> peers;
  {
    std::lock_guard guard(mutex_);
    calls.swap(inbox_);
    peers.swap(arriving_);
  }
  for (auto& peer : peers) enter(std::move(peer));
  for (auto& call : calls) call();
}

void EventLoop::run() {
  next_sweep_ = within(sweep_interval);
  epoll_event events[256];
  while (!stopping_) {
    const int count = ::epoll_wait(epoll_.get(), events, 256, static_cast<int>(sweep_interval.count()));
    bool woken = false;
    for (int i = 0; i < count; ++i) {
      const int descriptor = events[i].data.fd;
      woken = woken || descriptor == wake_.get();
      if (auto socket = sockets_.find(descriptor); socket != sockets_.end()) {
        accept_from(socket->second.first, descriptor);
        continue;
      }
      advance(descriptor);
    }
    // After the events: what arrives by the inbox may bear the number of a descriptor that was just closed.
    if (woken) take_inbox();
    if (std::chrono::steady_clock::now() >= next_sweep_) sweep();
    if (!accepting_ && std::chrono::steady_clock::now() >= accept_again_) {
      accepting_ = true;
      watch_sockets();
    }
  }
  peers_.clear();
}

void EventLoop::replace_sockets(const Sockets& sockets) {
  for (auto& [descriptor, socket] : sockets_) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, descriptor, nullptr);
  sockets_.clear();
  for (const auto& [endpoint, socket] : sockets) sockets_[socket->get()] = {endpoint, socket};
  watch_sockets();
}

void EventLoop::watch_sockets() {
  if (!accepting_) return;
  for (auto& [descriptor, socket] : sockets_) {
    epoll_event event{.events = EPOLLIN | EPOLLEXCLUSIVE, .data = {.fd = descriptor}};
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event);
  }
}

void EventLoop::accept_from(const std::string& endpoint, int socket) {
  for (int i = 0; i < accepts_at_once; ++i) {
    SocketAddress address;
    address.size = sizeof address.storage;
    Descriptor connected(
        ::accept4(socket, reinterpret_cast<sockaddr*>(&address.storage), &address.size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!connected) {
      if (errno == ECONNABORTED || errno == EINTR) continue;
      if (errno == EAGAIN) return;
      // Out of descriptors or memory: the queue of the kernel keeps the callers until some are free again.
      log("accepting pauses: " + std::string(std::strerror(errno)));
      for (auto& [descriptor, entry] : sockets_) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, descriptor, nullptr);
      accepting_ = false;
      accept_again_ = within(accept_pause);
      return;
    }
    auto peer = std::make_unique<Peer>();
    peer->raw = std::move(connected);
    peer->endpoint = endpoint;
    peer->address = address.text();
    enter(std::move(peer));
  }
}

// Takes a peer in at whatever stage it is: accepted, handed over, between two requests, or to be drained.
void EventLoop::enter(std::unique_ptr<Peer> entering) {
  Peer& peer = *entering;
  const int descriptor = peer.descriptor();
  if (peer.stage == Peer::Stage::opening) {
    int on = 1;
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    peer.number = next_connection_number();
    peer.deadline = within(shared_.limits.handshake);
    log(request_line(peer.number, peer.address, peer.endpoint));
  }
  peers_[descriptor] = std::move(entering);
  count_ = peers_.size();
  // Edge-triggered while only peeking at the hello: what lies there unread must not wake the loop again and again.
  const std::uint32_t events = peer.stage == Peer::Stage::opening ? EPOLLIN | EPOLLET : EPOLLIN;
  epoll_event event{.events = events, .data = {.fd = descriptor}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event) != 0) {
    peers_.erase(descriptor);
    return;
  }
  peer.events = events;
  // OpenSSL may hold bytes that epoll cannot show.
  if (peer.stage == Peer::Stage::idle || peer.stage == Peer::Stage::head) advance(descriptor);
}

void EventLoop::watch(Peer& peer, std::uint32_t events) {
  if (peer.events == events) return;
  epoll_event event{.events = events, .data = {.fd = peer.descriptor()}};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, peer.descriptor(), &event);
  peer.events = events;
}

void EventLoop::advance(int descriptor) {
  const auto found = peers_.find(descriptor);
  if (found == peers_.end()) return;
  Peer& peer = *found->second;
  bool stays = false;
  try {
    switch (peer.stage) {
      case Peer::Stage::opening:
        stays = open(peer);
        break;
      case Peer::Stage::handshake:
        stays = shake_hands(peer);
        break;
      case Peer::Stage::head:
      case Peer::Stage::idle:
        stays = read_head(peer);
        break;
      case Peer::Stage::draining:
        stays = drain(peer);
        break;
    }
  } catch (const std::exception& problem) {
    // A peer that was handed on before its handler threw is gone.
    if (found->second) log(refused_line(peer.number, peer.address, peer.endpoint, problem.what()));
  }
  if (!stays) peers_.erase(descriptor);
  count_ = peers_.size();
}

// Ends the loop's interest and gives the peer to the caller; its entry is erased by advance().
std::unique_ptr<Peer> EventLoop::leave(Peer& peer) {
  const int descriptor = peer.descriptor();
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, descriptor, nullptr);
  return std::move(peers_.at(descriptor));
}

void EventLoop::sweep() {
  const Deadline now = std::chrono::steady_clock::now();
  next_sweep_ = now + sweep_interval;
  for (auto entry = peers_.begin(); entry != peers_.end();) {
    const bool stays = entry->second->deadline > now || expire(*entry->second);
    entry = stays ? std::next(entry) : peers_.erase(entry);
  }
  count_ = peers_.size();
}

bool EventLoop::expire(Peer& peer) {
  try {
    if (peer.stage == Peer::Stage::head && !peer.received.empty()) {
      return answer_and_drain(peer, "408 Request Timeout");
    }
  } catch (const std::exception&) {
    // It is closed either way.
  }
  return false;
}

}  // namespace chancery::tls
