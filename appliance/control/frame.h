// The bytes of one message on a stream socket (docs/state.md, "Control protocol"). Internal to appliance/control.
//
//   message = u32 size, JSON text (at most 16 MiB); u16 count; count times u32 size, bytes (at most 64 MiB in all)
//
// Memory grows with what has arrived, never with what a size field asks.
#pragma once

#include <chrono>
#include <string>

#include "appliance/control/message.h"

namespace chancery::control {

using Deadline = std::chrono::steady_clock::time_point;

// A non-blocking socket with an end: every wait stops at the deadline (Failure "timeout") and when `stop` (an eventfd,
// or -1) turns readable (Failure "stopping").
struct Line {
  int socket;
  int stop;
  Deadline deadline;
  std::string peer;  // for messages
};

[[nodiscard]] Message read_message(const Line& line);
void write_message(const Line& line, const Message& message);

}  // namespace chancery::control
