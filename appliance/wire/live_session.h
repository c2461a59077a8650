// One connection of a channel while it lives: what came in part, what is still to go out, and since when it waits. For
// channel_server.cpp and channel_loop.cpp only. Small on purpose: an engine holds 15,000.
#pragma once

#include "appliance/wire/channel_server.h"
#include "appliance/wire/frames.h"

namespace chancery::wire {

using SteadyTime = std::chrono::steady_clock::time_point;

class LiveSession final : public Session {
 public:
  // `endpoint` is borrowed.
  LiveSession(tls::Connection link, const std::string& endpoint, std::uint64_t number)
      : link_(std::move(link)), endpoint_(endpoint), number_(number) {}

  const tls::Connection& connection() const override { return link_; }
  const std::string& endpoint() const override { return endpoint_; }
  std::uint64_t number() const override { return number_; }
  void send(std::string_view message) override;
  void end() override { ending_ = true; }
  void settle() override;

  tls::Connection& link() { return link_; }
  // Writes what can be written now; true while the session lives.
  bool flush();
  bool wants_write() const { return !unsent_.empty() || link_.wants_write(); }
  bool is_ending() const { return ending_; }
  // What it waits for and since when; "" when it waits for nothing for too long.
  const char* overdue(const ChannelHandlers& limits, SteadyTime now) const;
  void heard(SteadyTime now);

  FrameReader frames;
  bool has_begun = false;  // on_begin has come back
  std::uint32_t watched = 0;

 private:
  tls::Connection link_;
  const std::string& endpoint_;
  std::uint64_t number_;
  Bytes unsent_;
  SteadyTime last_heard_ = std::chrono::steady_clock::now();
  SteadyTime frame_since_{};  // a frame has begun and is not whole
  SteadyTime stuck_since_{};  // nothing of what is to be sent was taken
  bool settled_ = false;
  bool ending_ = false;
  bool broken_ = false;
};

}  // namespace chancery::wire
