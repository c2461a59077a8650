// Frames of the collector channel: a 4-byte big-endian length (at most 256 KiB), then one message.
//
//   FrameReader in;
//   in.feed(bytes);                       // whatever the connection gave
//   while (auto message = in.next()) …
//
// A length over the limit or of zero is Failure("frame-invalid") before anything is allocated; memory held is bounded
// by one frame plus what was fed at once. Thread safety: none needed, one per connection.
#pragma once

#include <optional>
#include <string>

#include "keystore/bytes/bytes.h"

namespace chancery::wire {

inline constexpr std::size_t frame_limit = 256 * 1024;

[[nodiscard]] Bytes encode_frame(std::string_view message);  // Failure("too-large")
void append_frame(Bytes& to, std::string_view message);      // the same, behind what is there

class FrameReader {
 public:
  void feed(ByteView bytes);
  std::optional<std::string> next();
  bool is_inside() const noexcept { return start_ != pending_.size(); }  // of a frame that is not whole yet

 private:
  Bytes pending_;
  std::size_t start_ = 0;
};

}  // namespace chancery::wire
