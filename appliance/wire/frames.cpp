#include "appliance/wire/frames.h"

#include "keystore/bytes/cursor.h"
#include "keystore/fault.h"

namespace chancery::wire {

namespace {
constexpr std::size_t header_size = 4;
}

void append_frame(Bytes& to, std::string_view message) {
  if (message.size() > frame_limit) {
    throw Failure({.code = "too-large",
                   .subject = "collector frame",
                   .cause = "a message of " + std::to_string(message.size()) + " bytes does not fit a frame",
                   .hint = "send it in parts of at most 256 KiB"});
  }
  if (to.empty()) to.reserve(header_size + message.size());
  const auto size = static_cast<std::uint32_t>(message.size());
  for (int shift = 24; shift >= 0; shift -= 8) to.push_back(static_cast<std::uint8_t>(size >> shift));
  to.insert(to.end(), message.begin(), message.end());
}

Bytes encode_frame(std::string_view message) {
  Bytes frame;
  append_frame(frame, message);
  return frame;
}

void FrameReader::feed(ByteView bytes) {
  if (start_ > 0) {
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(start_));
    start_ = 0;
  }
  pending_.insert(pending_.end(), bytes.begin(), bytes.end());
}

std::optional<std::string> FrameReader::next() {
  // An engine holds thousands of readers, each idle most of the time: keep nothing for one that has handed all on.
  if (start_ == pending_.size()) {
    pending_ = Bytes();
    start_ = 0;
  }
  const ByteView rest = ByteView(pending_).subspan(start_);
  if (rest.size() < header_size) return std::nullopt;
  Reader in(rest, "collector frame");
  const std::uint32_t size = in.u32();
  if (size == 0 || size > frame_limit) {
    throw Failure({.code = "frame-invalid",
                   .subject = "collector frame",
                   .cause = "the peer announced a frame of " + std::to_string(size) + " bytes",
                   .hint = "frames hold 1 byte to 256 KiB; look whether the peer speaks chancery-collector/1"});
  }
  if (in.remaining() < size) return std::nullopt;
  const ByteView message = in.block(size);
  start_ += header_size + size;
  return std::string(text_of(message));
}

}  // namespace chancery::wire
