// One thread with an epoll set: see listener.h. For listener.cpp only.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "appliance/tls/peer.h"

namespace chancery::tls {

struct LoopShared {
  const Live& live;
  ListenerHandlers handlers;
  ListenerLimits limits;
  std::set<std::string> channels;
  ServerContext context;
};

class EventLoop {
 public:
  explicit EventLoop(LoopShared& shared);
  ~EventLoop();

  using Sockets = std::map<std::string, std::shared_ptr<Descriptor>>;
  void serve(const Sockets& sockets);
  void add(std::unique_ptr<Peer> peer);
  std::size_t size() const { return count_; }

 private:
  using Channel = decltype(ListenerHandlers::channels)::value_type;
  using Handle = std::unordered_map<int, std::unique_ptr<Peer>>::iterator;

  void run();
  void post(std::function<void()> call);
  void take_inbox();
  void replace_sockets(const Sockets& sockets);
  void watch_sockets();
  void accept_from(const std::string& endpoint, int socket);
  void enter(std::unique_ptr<Peer> peer);
  void watch(Peer& peer, std::uint32_t events);
  void advance(int descriptor);
  // Each returns false when the peer has left the loop (closed or handed on).
  bool open(Peer& peer);
  bool give_away(const Peer& peer) const;
  bool open_plain(Peer& peer, std::uint8_t first);
  bool shake_hands(Peer& peer);
  bool refuse(Peer& peer);
  bool established(Peer& peer);
  bool begin_head(Peer& peer);
  bool read_head(Peer& peer);
  bool turn_away(Peer& peer);
  void hand_over(Peer& peer, const Channel& channel);
  bool answer_and_drain(Peer& peer, const char* status);
  bool drain(Peer& peer);
  void introduce(const Peer& peer, const Handshake& handshake) const;
  std::unique_ptr<Peer> leave(Peer& peer);
  void sweep();
  bool expire(Peer& peer);
  void log(const std::string& line) const;

  LoopShared& shared_;
  Descriptor epoll_;
  Descriptor wake_;
  std::unordered_map<int, std::unique_ptr<Peer>> peers_;
  std::map<int, std::pair<std::string, std::shared_ptr<Descriptor>>> sockets_;  // by descriptor
  bool accepting_ = true;
  Deadline accept_again_{};
  Deadline next_sweep_{};
  std::atomic<std::size_t> count_ = 0;
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;
  std::vector<std::function<void()>> inbox_;
  std::vector<std::unique_ptr<Peer>> arriving_;
  std::thread thread_;
};

}  // namespace chancery::tls
