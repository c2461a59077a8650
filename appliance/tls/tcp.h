// Names to addresses, and TCP connections with a deadline: what comes before TLS. Descriptors are non-blocking,
// close-on-exec and without Nagle's delay.
//
//   for (const SocketAddress& address : resolve("portal.example.com", 443, deadline)) …
//   TcpLink link = connect_tcp("portal.example.com", 443, deadline);   // tries every address in turn
//
// Failures: name-resolution, tcp-refused, tcp-timeout, tcp-unreachable, bad-address. Thread safe.
#pragma once

#include <sys/socket.h>

#include <string>
#include <vector>

#include "appliance/tls/connection.h"
#include "appliance/tls/descriptor.h"

namespace chancery::tls {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  std::string text() const;     // "127.0.0.1:443", "[::1]:443"
  std::string address() const;  // "127.0.0.1", "::1"
  int port() const;
};

[[nodiscard]] bool is_ip_literal(const std::string& host);
// An address literal is answered at once; for a name a thread of its own asks the system's resolver, because that knows
// no deadline, and is left behind when the deadline passes first.
[[nodiscard]] std::vector<SocketAddress> resolve(const std::string& host, int port, Deadline deadline);

struct TcpLink {
  Descriptor descriptor;
  std::string peer;  // "127.0.0.1:443"
};
[[nodiscard]] TcpLink connect_tcp(const SocketAddress& address, Deadline deadline);
[[nodiscard]] TcpLink connect_tcp(const std::string& host, int port, Deadline deadline);

// Bound and listening; port 0 takes any. Failure port-taken, permission-denied, bad-address.
[[nodiscard]] Descriptor listen_tcp(const std::string& host, int port);
[[nodiscard]] SocketAddress local_address(int descriptor);

// poll(2) for one descriptor; false: the deadline passed.
[[nodiscard]] bool wait_for(int descriptor, short events, Deadline deadline);

}  // namespace chancery::tls
