// The serving end of a frame channel: one epoll loop that holds all connections of the collector protocol, idle ones
// for the price of their TLS state.
//
//   ChannelServer channel({.on_frame = …, .on_end = …});
//   channel.adopt(std::move(connection), "engine");     // from any thread
//
// The handlers run on the loop's thread and must not block; they answer through Session::send and Session::end. A peer
// that has not said its first frame within `first_frame`, or nothing for `idle`, is dropped; one whose unsent answers
// pass 1 MiB too. A Failure thrown by a handler ends that one session, its text goes to the log.
// stop() ends all sessions and joins; the destructor calls it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "appliance/tls/connection.h"

namespace chancery::wire {

class Session {
 public:
  virtual ~Session() = default;
  virtual const tls::Connection& connection() const = 0;
  virtual const std::string& endpoint() const = 0;
  virtual std::uint64_t number() const = 0;
  virtual void send(std::string_view message) = 0;
  virtual void end() = 0;  // after what was sent has gone out
  // Where the owner of the handlers keeps what it knows of this peer.
  std::shared_ptr<void> owner_state;
};

struct ChannelHandlers {
  std::function<void(Session&)> on_begin;
  std::function<void(Session&, const std::string& message)> on_frame;
  std::function<void(Session&)> on_end;
  std::chrono::milliseconds first_frame{10000};
  std::chrono::milliseconds idle{60000};
};

class ChannelServer {
 public:
  explicit ChannelServer(ChannelHandlers handlers);
  ~ChannelServer();
  void adopt(tls::Connection connection, const std::string& endpoint);
  // Runs `task` for every session, on the loop's thread, soon.
  void for_each(std::function<void(Session&)> task);
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chancery::wire
