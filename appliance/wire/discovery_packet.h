// What goes over UDP when a collector looks for a server (T7): one line of text, padded, nothing that could be trusted.
//
//   collector -> broadcast   chancery-discovery/1 ask NONCE
//   server -> collector      chancery-discovery/1 here NONCE PORT
//   server -> broadcast      chancery-discovery/1 here - PORT            (a beacon)
//
// The address is the one that the datagram came from, never one that it names, so that an answer can send nobody
// elsewhere; the nonce (8 random bytes, hex) tells an answer from what somebody off the path makes up. A question is
// padded to 64 bytes, an answer is never longer: nobody is flooded with the help of our servers.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace chancery::wire {

inline constexpr int discovery_port = 10101;
inline constexpr std::size_t discovery_limit = 64;

struct DiscoveryPacket {
  bool is_question = false;
  std::string nonce;  // "": a beacon
  int port = 0;       // of an answer
};

[[nodiscard]] std::string fresh_discovery_nonce();
[[nodiscard]] std::string write_discovery(const DiscoveryPacket& packet);
[[nodiscard]] std::optional<DiscoveryPacket> read_discovery(std::string_view datagram);  // nullopt: anything else

}  // namespace chancery::wire
