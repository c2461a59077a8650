// How a collector finds servers that nobody has told it of (T7): by a beacon that they send, or by asking the local network.
// What comes of it is an address and nothing else: whoever is there has to prove itself as any other server has.
//
//   Discovery discovery({.port = 10101, .broadcast_address = "255.255.255.255"});
//   for (const tls::Target& found : discovery.look(Discovery::Way::broadcast, stop_descriptor)) …
//
// So that strangers cannot keep a collector busy: at most 8 servers of one look and 2 of one address, one look in ten
// seconds (a sooner one waits), 200 datagrams of one look; and who did not prove itself (set_unproven) is passed over for
// ten minutes (half a minute where it did not answer), so that the next ones have their turn. An empty answer: nobody
// was found, or the network cannot be used. Thread safety: one thread.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "appliance/tls/connection.h"

namespace chancery::collector {

class Discovery {
 public:
  enum class Way { beacon, broadcast };
  struct Options {
    int port = 10101;
    std::string broadcast_address = "255.255.255.255";
    std::chrono::milliseconds beacon_span{12'000};  // how long a beacon is waited for
    std::chrono::milliseconds answer_span{1'500};
  };
  explicit Discovery(Options options) : options_(std::move(options)) {}

  // Waits for its turn and for answers; returns early, with nothing, when the stop descriptor becomes readable.
  [[nodiscard]] std::vector<tls::Target> look(Way way, int stop_descriptor);
  void set_unproven(const tls::Target& server, bool is_stranger);

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;
  std::vector<tls::Target> gather(int socket, const std::string& nonce, SteadyTime until, int stop_descriptor) const;
  bool is_passed_over(const std::string& address, SteadyTime now) const;

  Options options_;
  SteadyTime next_look_{};
  std::map<std::string, SteadyTime> unproven_;  // "192.0.2.1:443", until when
};

}  // namespace chancery::collector
