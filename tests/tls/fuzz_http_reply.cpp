// libFuzzer: what a server answers to the appliance's own HTTP client, whole and byte by byte.
#include "appliance/http/reply_reader.h"
#include "keystore/fault.h"

namespace {

constexpr std::size_t limit = 4096;

struct Outcome {
  std::string code;
  chancery::http::Reply reply;
};

Outcome read(const std::uint8_t* data, std::size_t size, std::size_t piece) {
  try {
    chancery::http::ReplyReader reader("GET", limit, "peer");
    for (std::size_t at = 0; at < size && !reader.is_complete(); at += piece) {
      reader.feed({data + at, std::min(piece, size - at)});
    }
    if (!reader.is_complete()) reader.end();
    return {"", reader.take()};
  } catch (const chancery::Failure& failure) {
    return {failure.code(), {}};
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Outcome whole = read(data, size, size + 1);
  const Outcome pieces = read(data, size, 1);
  if (whole.reply.body.size() > limit || whole.reply.body != pieces.reply.body || whole.code != pieces.code)
    __builtin_trap();
  return 0;
}
