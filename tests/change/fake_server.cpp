#include "tests/change/fake_server.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <new>
#include <stdexcept>

#include "keystore/openssl/handles.h"

namespace chancery::test {

Shared& shared_memory() {
  void* memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::runtime_error("mmap");
  return *new (memory) Shared;
}

FakeServer::FakeServer(std::string state, std::string identity, Shared& shared)
    : state_(std::move(state)),
      identity_(std::move(identity)),
      shared_(shared),
      listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 64) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("no port");
  }
  port_ = ntohs(address.sin_port);
  ::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to sockets that peers have closed
  thread_ = std::thread([this] { serve(); });
}

FakeServer::~FakeServer() {
  stop_ = true;
  ::shutdown(listener_, SHUT_RDWR);
  thread_.join();
  ::close(listener_);
}

void FakeServer::serve() {
  while (!stop_) {
    pollfd wait{listener_, POLLIN, 0};
    if (::poll(&wait, 1, 500) <= 0) continue;
    const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    answer(connection);
    ::close(connection);
  }
}

void FakeServer::answer(int connection) const {
  const std::uint64_t number = shared_.stuck_at != 0 ? shared_.stuck_at : shared_.generation;
  char name[16];
  std::snprintf(name, sizeof name, "%06lu", static_cast<unsigned long>(number));
  const std::string folder = state_ + "/generations/" + name + "/identities/" + identity_;
  const ossl::SslCtxPtr context(SSL_CTX_new(TLS_server_method()));
  if (SSL_CTX_use_certificate_chain_file(context.get(), (folder + "/fullchain.pem").c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(context.get(), (folder + "/key.pem").c_str(), SSL_FILETYPE_PEM) != 1) {
    return;
  }
  const timeval patience{2, 0};
  ::setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const ossl::SslPtr ssl(SSL_new(context.get()));
  SSL_set_fd(ssl.get(), connection);
  if (SSL_accept(ssl.get()) != 1) return;
  char byte = 0;
  SSL_read(ssl.get(), &byte, 1);  // until the peer closes
}

}  // namespace chancery::test
