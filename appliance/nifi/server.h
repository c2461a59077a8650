// NiFi mode's server: a Desk behind HTTPS. The event loop of tls/ does handshakes and heads; a few threads read bodies
// and answer. One request a connection.
//
//   Server server(desk, {.host = "0.0.0.0", .port = 9443, .log = …});
//   …                                                     // until the destructor: it answers
//
// Limits: body 1 MiB within 10 s, 256 waiting connections; more are closed. TLS 1.2 and later. Failure("port-taken"),
// ("permission-denied"), ("bad-address"). Thread safety: `log` is called from several threads.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "appliance/nifi/desk.h"

namespace chancery::nifi {

struct ServerOptions {
  std::string host = "0.0.0.0";
  int port = 0;  // 0: any
  std::function<void(const std::string& line)> log = {};
};

class Server {
 public:
  Server(Desk& desk, ServerOptions options);
  ~Server();  // requests that are being answered have 2 s to end
  int port() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chancery::nifi
