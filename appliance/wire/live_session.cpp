#include "appliance/wire/live_session.h"

namespace chancery::wire {

namespace {
constexpr std::size_t unsent_limit = 1024 * 1024;
}

void LiveSession::send(std::string_view message) {
  if (broken_) return;
  if (unsent_.size() + message.size() > unsent_limit) {
    ending_ = broken_ = true;
    return;
  }
  append_frame(unsent_, message);
}

void LiveSession::settle() {
  settled_ = true;
  link_.shed_session();
}

bool LiveSession::flush() {
  if (broken_) return false;
  std::size_t sent = 0;
  while (sent < unsent_.size()) {
    const std::size_t taken = link_.try_write(ByteView(unsent_).subspan(sent));
    if (taken == 0) break;
    sent += taken;
  }
  if (sent == unsent_.size()) {
    unsent_ = Bytes();  // and its memory: most sessions are idle
    stuck_since_ = {};
  } else {
    unsent_.erase(unsent_.begin(), unsent_.begin() + static_cast<std::ptrdiff_t>(sent));
    if (sent > 0 || stuck_since_ == SteadyTime{}) stuck_since_ = std::chrono::steady_clock::now();
  }
  return !(ending_ && unsent_.empty());
}

void LiveSession::heard(SteadyTime now) {
  last_heard_ = now;
  if (!frames.is_inside()) {
    frame_since_ = {};
  } else if (frame_since_ == SteadyTime{}) {
    frame_since_ = now;
  }
}

const char* LiveSession::overdue(const ChannelHandlers& limits, SteadyTime now) const {
  if (frame_since_ != SteadyTime{} && now - frame_since_ > limits.frame) return "began a frame and did not end it";
  if (stuck_since_ != SteadyTime{} && now - stuck_since_ > limits.frame) return "takes nothing of what is sent to it";
  if (now - last_heard_ > (settled_ ? limits.idle : limits.greeting)) return "was silent for too long";
  return "";
}

}  // namespace chancery::wire
