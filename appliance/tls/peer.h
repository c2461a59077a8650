// One connection while it is in an event loop. For sources of tls/ only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "appliance/tls/listener.h"
#include "appliance/tls/server_context.h"

namespace chancery::tls {

struct Peer {
  // opening: connected, nothing read yet · handshake · head: the request head is coming in · idle: between two requests
  // draining: answered and closed by us, until the peer closes too
  enum class Stage { opening, handshake, head, idle, draining } stage = Stage::opening;
  std::string endpoint;
  std::string address;
  std::uint64_t number = 0;
  std::uint64_t requests = 0;
  Deadline deadline;
  std::uint32_t events = 0;              // as registered with epoll
  Descriptor raw;                        // owned here until there is a Connection
  std::unique_ptr<Handshake> handshake;  // while it goes on
  ossl::SslPtr ssl;
  std::optional<Connection> connection;
  Bytes received;

  int descriptor() const { return connection ? connection->descriptor() : raw.get(); }
};

}  // namespace chancery::tls
