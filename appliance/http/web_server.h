// The bounded worker pool behind Routes: takes arrivals from the listener, answers them, and gives the connection back.
//
//   WebServer web(routes, {.resume = …, .drain = …, .log = …});
//   Listener listener(live, {.http = [&](tls::Arrival arrival) { web.take(std::move(arrival)); }});
//
// Threads are made when they are needed. When all are busy and the queue is full, a connection is answered 503 at once.
// Thread safety: take() from any thread. stop() waits for running requests up to its patience, then cuts them off.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "appliance/http/server.h"
#include "appliance/tls/listener.h"

namespace chancery::http {

struct WebServerOptions {
  unsigned threads = 64;
  std::size_t queue = 1024;
  std::function<void(tls::Arrival arrival)> resume;       // back to the listener
  std::function<void(tls::Connection connection)> drain;  // to be closed gently
  std::function<void(const std::string& line)> log;
};

class WebServer {
 public:
  WebServer(const Routes& routes, WebServerOptions options);
  ~WebServer();
  void take(tls::Arrival arrival);
  void stop(std::chrono::milliseconds patience);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chancery::http
