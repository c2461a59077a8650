#include "tests/tls/fuzz/targets.h"

#include <algorithm>
#include <cstdlib>

#include "appliance/http/reply_reader.h"
#include "appliance/tls/client_hello.h"
#include "keystore/fault.h"

namespace chancery::fuzz {
namespace {

constexpr std::size_t body_limit = 4096;

struct Outcome {
  std::string code;
  http::Reply reply;
};

Outcome read_in_pieces(ByteView bytes, std::size_t piece) {
  try {
    http::ReplyReader reader("GET", body_limit, "peer");
    for (std::size_t at = 0; at < bytes.size() && !reader.is_complete(); at += piece) {
      reader.feed(bytes.subspan(at, std::min(piece, bytes.size() - at)));
    }
    if (!reader.is_complete()) reader.end();
    return {"", reader.take()};
  } catch (const Failure& failure) {
    return {failure.code(), {}};
  }
}

}  // namespace

void client_hello(ByteView bytes) {
  const tls::ClientHello hello = tls::peek_client_hello(bytes);
  // Every name takes at least its length byte.
  if (hello.state == tls::ClientHello::State::complete && hello.alpn.size() > bytes.size()) std::abort();
  try {
    (void)tls::parse_alpn(bytes);
  } catch (const Failure& failure) {
    if (failure.code() != "truncated" && failure.code() != "trailing-bytes") std::abort();
  }
}

void http_reply(ByteView bytes) {
  const Outcome whole = read_in_pieces(bytes, bytes.size() + 1);
  const Outcome pieces = read_in_pieces(bytes, 1);
  if (whole.reply.body.size() > body_limit || whole.reply.body != pieces.reply.body || whole.code != pieces.code)
    std::abort();
}

}  // namespace chancery::fuzz
