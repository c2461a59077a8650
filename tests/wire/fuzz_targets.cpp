#include "tests/wire/fuzz_targets.h"

#include <cstdlib>
#include <vector>

#include "appliance/wire/collector_messages.h"
#include "appliance/wire/discovery_packet.h"
#include "appliance/wire/frames.h"
#include "keystore/fault.h"

namespace chancery::fuzz {
namespace {

struct Heard {
  std::vector<std::string> messages;
  std::string failure;
  bool operator==(const Heard&) const = default;
};

Heard hear(ByteView stream, std::size_t piece) {
  Heard heard;
  try {
    wire::FrameReader in;
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      in.feed(stream.subspan(at, std::min(piece, stream.size() - at)));
      while (auto message = in.next()) heard.messages.push_back(std::move(*message));
    }
  } catch (const Failure& failure) {
    heard.failure = failure.code();
  }
  return heard;
}

}  // namespace

void collector_frames(ByteView stream) {
  const Heard whole = hear(stream, stream.size() + 1);
  if (whole != hear(stream, 1) || whole != hear(stream, 7)) std::abort();
  Bytes again;
  for (const std::string& message : whole.messages) {
    const Bytes frame = wire::encode_frame(message);
    again.insert(again.end(), frame.begin(), frame.end());
  }
  if (!std::equal(again.begin(), again.end(), stream.begin())) std::abort();
}

void collector_message(ByteView json) {
  try {
    const std::string once = wire::to_json(wire::parse_message(std::string(text_of(json))));
    if (wire::to_json(wire::parse_message(once)) != once) std::abort();
  } catch (const Failure& failure) {
    if (failure.code().empty() || failure.hint().empty()) std::abort();
  }
}

void discovery_datagram(ByteView datagram) {
  const auto packet = wire::read_discovery(text_of(datagram));
  if (!packet) return;
  const std::string once = wire::write_discovery(*packet);
  const auto again = wire::read_discovery(once);
  if (!again || wire::write_discovery(*again) != once) std::abort();
  if (!packet->is_question) return;
  if (once != text_of(datagram)) std::abort();
  const wire::DiscoveryPacket answer{.is_question = false, .nonce = packet->nonce, .port = 65535};
  if (wire::write_discovery(answer).size() > datagram.size()) std::abort();
}

}  // namespace chancery::fuzz
