// Accepts connections for all endpoints of a program and does everything that may wait without a thread per connection:
// opening, handshake, and reading the request head happen in one epoll loop (or several). Only a connection that has
// something to answer is handed on.
//
//   Listener listener(live, {.http = [&](Arrival arrival) { server.take(std::move(arrival)); }, …});
//   listener.serve({{"portal", socket}});        // again with another map to open, keep and close sockets
//
// A silent, slow or garbled peer costs a descriptor until its deadline and nothing else. Plain HTTP on a TLS port is
// answered `HTTP/1.1 400`; everything else that is not TLS gets an alert or a close. Where the endpoint's level is None
// the first byte decides: a TLS record (22), a frame of `plain_channel` (0), a request of HTTP (a capital letter); the
// connection that is handed on is then plain (Connection::is_plain), and logged as unprotected. When descriptors run out,
// accepting pauses and tries again. Handlers are called on a loop's thread and must not block. Thread safety: all
// methods may be called from any thread; the destructor must not be called from a handler.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "appliance/tls/connection.h"
#include "appliance/tls/descriptor.h"
#include "appliance/tls/serving_snapshot.h"

namespace chancery::tls {

// An HTTP connection with a whole request head.
struct Arrival {
  Connection connection;
  std::string endpoint;
  std::uint64_t number = 0;    // of the connection, as in the log
  std::uint64_t requests = 0;  // answered before on this connection
  Bytes received;              // from the request line on; ends anywhere after the head
};

struct ListenerHandlers {
  std::function<void(Arrival arrival)> http;
  // By ALPN.
  std::map<std::string, std::function<void(Connection connection, const std::string& endpoint)>> channels;
  // The channel whose frames are also taken without TLS on endpoints of level None (wire/plain_text.h); "": none.
  std::string plain_channel;
  // Connections whose ClientHello offers `alpn`, and those that begin with a frame in plain text, are given away before
  // there is an SSL; `give` returns false when it could not (the connection is then closed). Empty: none.
  struct Diversion {
    std::string alpn;
    std::string endpoint;
    std::function<bool(int descriptor)> give;
  } diversion;
  // A client has shown a certificate in its handshake, and was let in or not; may be empty.
  struct Client {
    std::string name;  // the allowed name, else its common name, else its first other name; of a refused one as it says
    std::string address;  // without the port
    std::string refusal;  // the code of the reason; "": let in
  };
  std::function<void(const Client& client)> client;
  std::function<void(const std::string& line)> log;  // lines of log_lines.h; may be empty
};

struct ListenerLimits {
  std::chrono::milliseconds handshake{9'000};  // so that a peer is gone within 10 s
  std::chrono::milliseconds head{10'000};
  std::chrono::milliseconds idle{75'000};  // between two requests
  std::chrono::milliseconds drain{2'000};  // after a last answer, until the peer has closed
  std::size_t head_bytes = 16 * 1024;
};

class Listener {
 public:
  Listener(const Live& live, ListenerHandlers handlers, ListenerLimits limits = {}, unsigned loops = 1);
  ~Listener();

  // From now on exactly these sockets, by endpoint (one may serve under a new name). Returns when all loops do so.
  void serve(const std::map<std::string, std::shared_ptr<Descriptor>>& sockets);
  // A connected descriptor from elsewhere, as if it had been accepted by `endpoint`.
  void take(Descriptor connected, const std::string& endpoint);
  // Back to waiting for the next request; `arrival.received` holds what has been read of it.
  void resume(Arrival arrival);
  // The last answer is written: closes without cutting it off.
  void drain(Connection connection);
  std::size_t connections() const;  // that are in the loops now

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chancery::tls
