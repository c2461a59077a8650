// The serving end of a frame channel: epoll loops, one a core, that hold all connections of the collector protocol, idle
// ones for the price of their TLS state.
//
//   ChannelServer channel({.on_frame = …, .on_end = …});
//   channel.adopt(std::move(connection), "engine");     // from any thread
//   channel.stop([](Session& session) { session.send(goodbye); });
//
// Handlers and tasks are called one at a time, whichever loop a session is in: what they share among themselves needs no
// lock. They must not block; they answer through Session::send and Session::end. Records are read, decrypted, encrypted
// and written beside each other.
// Dropped are peers that say nothing for `idle`, or for `greeting` while settle() was not called, whose frame is not whole
// `frame` after it began, that take nothing of what is sent to them for as long, and whose unsent answers pass 1 MiB. A
// Failure thrown by a handler ends that one session, its text goes to the log.
// stop() says farewell to every session, without waiting for anybody, ends them and joins; the destructor calls it.
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
  // The peer has proven itself and will be idle most of the time: from now on it may be silent for `idle`, and its
  // connection is made small (Connection::shed_session).
  virtual void settle() = 0;
  // Where the owner of the handlers keeps what it knows of this peer.
  std::shared_ptr<void> owner_state;
};

struct ChannelHandlers {
  std::function<void(Session&)> on_begin;
  std::function<void(Session&, const std::string& message)> on_frame;
  std::function<void(Session&)> on_end;
  std::chrono::milliseconds greeting{10000};
  std::chrono::milliseconds frame{10000};
  std::chrono::milliseconds idle{60000};
};

[[nodiscard]] unsigned usual_loops();  // one for each core, at most 4

class ChannelServer {
 public:
  explicit ChannelServer(ChannelHandlers handlers, unsigned loops = usual_loops());
  ~ChannelServer();
  void adopt(tls::Connection connection, const std::string& endpoint);
  // Runs `task` for every session, on the loops' threads, soon.
  void for_each(std::function<void(Session&)> task);
  std::size_t sessions() const;
  void stop(const std::function<void(Session&)>& farewell = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chancery::wire
