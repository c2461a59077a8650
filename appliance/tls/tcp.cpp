#include "appliance/tls/tcp.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>

#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

#include "keystore/fault.h"

namespace chancery::tls {
namespace {

Failure resolution_failure(const std::string& host, const std::string& cause) {
  return Failure({.code = "name-resolution",
                  .subject = host,
                  .cause = "this name has no address: " + cause,
                  .hint = "check the spelling, /etc/hosts and DNS (getent hosts " + host + ")"});
}

// What the resolver's thread and its caller share; the thread may outlive the call.
struct Lookup {
  std::mutex mutex;
  std::condition_variable done;
  bool finished = false;
  int error = 0;
  std::vector<SocketAddress> addresses;
};

int look_up(const std::string& host, int port, int flags, std::vector<SocketAddress>& out) {
  addrinfo wanted{};
  wanted.ai_family = AF_UNSPEC;
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = flags | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found);
  if (error != 0) return error;
  for (addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    SocketAddress address;
    std::memcpy(&address.storage, entry->ai_addr, entry->ai_addrlen);
    address.size = entry->ai_addrlen;
    out.push_back(address);
  }
  ::freeaddrinfo(found);
  return 0;
}

Failure connect_failure(int error, const std::string& peer) {
  if (error == ECONNREFUSED) {
    return Failure({.code = "tcp-refused",
                    .subject = peer,
                    .cause = "nothing listens there (connection refused)",
                    .hint = "check that the program runs and that this is its port"});
  }
  if (error == ETIMEDOUT) {
    return Failure({.code = "tcp-timeout",
                    .subject = peer,
                    .cause = "no answer to the TCP connection",
                    .hint = "check the address, and firewalls on the way: a filtered port answers nothing"});
  }
  return Failure({.code = "tcp-unreachable",
                  .subject = peer,
                  .cause = std::strerror(error),
                  .hint = "check the network between here and the peer"});
}

}  // namespace

std::string SocketAddress::address() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (storage.ss_family == AF_INET) {
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(storage).sin_addr, text, sizeof text);
  }
  if (storage.ss_family == AF_INET6) {
    const auto& six = reinterpret_cast<const sockaddr_in6&>(storage);
    if (!IN6_IS_ADDR_V4MAPPED(&six.sin6_addr)) {
      ::inet_ntop(AF_INET6, &six.sin6_addr, text, sizeof text);
    } else {
      ::inet_ntop(AF_INET, six.sin6_addr.s6_addr + 12, text, sizeof text);
    }
  }
  return text;
}

int SocketAddress::port() const {
  if (storage.ss_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in&>(storage).sin_port);
  if (storage.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6&>(storage).sin6_port);
  return 0;
}

std::string SocketAddress::text() const {
  std::string host = address();
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  return host + ":" + std::to_string(port());
}

bool is_ip_literal(const std::string& host) {
  unsigned char bytes[16];
  return ::inet_pton(AF_INET, host.c_str(), bytes) == 1 || ::inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

std::vector<SocketAddress> resolve(const std::string& host, int port, Deadline deadline) {
  if (port < 0 || port > 65535 || host.empty()) {
    throw Failure({.code = "bad-address",
                   .subject = host + ":" + std::to_string(port),
                   .cause = "this is no host and port",
                   .hint = "write HOST:PORT, with a port from 1 to 65535"});
  }
  auto lookup = std::make_shared<Lookup>();
  if (look_up(host, port, AI_NUMERICHOST, lookup->addresses) == 0) return lookup->addresses;
  std::thread([lookup, host, port] {
    std::vector<SocketAddress> found;
    int error = look_up(host, port, 0, found);
    std::lock_guard guard(lookup->mutex);
    lookup->error = error;
    lookup->addresses = std::move(found);
    lookup->finished = true;
    lookup->done.notify_all();
  }).detach();
  std::unique_lock lock(lookup->mutex);
  if (!lookup->done.wait_until(lock, deadline, [&] { return lookup->finished; })) {
    throw resolution_failure(host, "the name service did not answer in time");
  }
  if (lookup->error != 0) throw resolution_failure(host, ::gai_strerror(lookup->error));
  return lookup->addresses;
}

bool wait_for(int descriptor, short events, Deadline deadline) {
  for (;;) {
    auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    if (left < 0) left = 0;
    pollfd entry{descriptor, events, 0};
    int ready = ::poll(&entry, 1, static_cast<int>(std::min<long long>(left, 60'000)));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) throw system_failure(errno, "wait for", "a connection");
    if (std::chrono::steady_clock::now() >= deadline) return false;
  }
}

TcpLink connect_tcp(const SocketAddress& address, Deadline deadline) {
  const std::string peer = address.text();
  Descriptor descriptor(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!descriptor) throw system_failure(errno, "open a socket for", peer);
  int on = 1;
  ::setsockopt(descriptor.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  int result = ::connect(descriptor.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.size);
  if (result == 0) return {std::move(descriptor), peer};
  if (errno != EINPROGRESS) throw connect_failure(errno, peer);
  if (!wait_for(descriptor.get(), POLLOUT, deadline)) throw connect_failure(ETIMEDOUT, peer);
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(descriptor.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) throw connect_failure(error, peer);
  return {std::move(descriptor), peer};
}

TcpLink connect_tcp(const std::string& host, int port, Deadline deadline) {
  std::vector<SocketAddress> addresses = resolve(host, port, deadline);
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    // A silent first address must leave time for the others.
    auto now = std::chrono::steady_clock::now();
    Deadline share = now + (deadline - now) / static_cast<int>(addresses.size() - i);
    try {
      return connect_tcp(addresses[i], share);
    } catch (const Failure&) {
      if (i + 1 == addresses.size()) throw;
    }
  }
  throw resolution_failure(host, "no address");
}

Descriptor listen_tcp(const std::string& host, int port) {
  SocketAddress address = resolve(host, port, within(std::chrono::seconds(5))).front();
  Descriptor descriptor(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!descriptor) throw system_failure(errno, "open a socket for", address.text());
  int on = 1;
  ::setsockopt(descriptor.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.storage.ss_family == AF_INET6 && host != "::") {
    ::setsockopt(descriptor.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  }
  if (::bind(descriptor.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.size) == 0 &&
      ::listen(descriptor.get(), SOMAXCONN) == 0) {
    return descriptor;
  }
  if (errno == EADDRINUSE) {
    throw Failure({.code = "port-taken",
                   .subject = address.text(),
                   .cause = "another program listens on this port",
                   .hint = "end it (ss -ltnp shows it), or give the endpoint another port"});
  }
  if (errno == EADDRNOTAVAIL) {
    throw Failure({.code = "bad-address",
                   .subject = address.text(),
                   .cause = "this machine does not have that address",
                   .hint = "set the endpoint's host to one of this machine's addresses, or to 0.0.0.0"});
  }
  throw system_failure(errno, "listen on", address.text());
}

SocketAddress local_address(int descriptor) {
  SocketAddress address;
  address.size = sizeof address.storage;
  if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address.storage), &address.size) != 0) {
    throw system_failure(errno, "read the address of", "a socket");
  }
  return address;
}

}  // namespace chancery::tls
