// The serving end of discovery: answers questions, and sends beacons where it is told to. Off by default on every
// appliance; it tells whoever asks that there is a server here, and its port.
//
//   DiscoveryServer server({.answers = true, .beacon_seconds = 5}, [] { return 443; });
//   while (!stopping) server.turn(std::chrono::seconds(1));
//
// At most 50 answers a second in all, and 4 to one address; what is more is not answered. Failure("port-taken") and those
// of sockets; what cannot be sent is passed over. Thread safety: one thread.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "appliance/wire/discovery_packet.h"

namespace chancery::wire {

struct DiscoveryOptions {
  bool answers = false;
  int beacon_seconds = 0;                             // 0: no beacons
  int port = discovery_port;                          // UDP, where questions come and beacons go
  std::string broadcast_address = "255.255.255.255";  // where beacons go
};

class DiscoveryServer {
 public:
  using Port = std::function<int()>;  // where collectors are served at present; 0: nowhere
  DiscoveryServer(DiscoveryOptions options, Port port);
  ~DiscoveryServer();
  // Serves for `span`.
  void turn(std::chrono::milliseconds span);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chancery::wire
