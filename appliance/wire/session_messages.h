// Messages about the connection itself (collector_messages.h has the JSON).
//
//   server -> collector   later   it goes, or is too busy: come back then; the server closes
//   either way            ping    answered by pong, in any order with other messages
//   either way            nonce   without TLS only (plain_text.h)
#pragma once

#include "keystore/bytes/bytes.h"

namespace chancery::wire {

// Come back at a moment of your own choice in [after, after + within], so that thousands do not all come at once. It is
// no failure: a collector's ever longer pauses do not count it.
struct Later {
  int after_seconds = 0;  // 0 to 3600, both
  int within_seconds = 0;
};
struct Ping {};
struct Pong {};
inline constexpr std::size_t nonce_size = 32;
struct Nonce {
  Bytes value;  // nonce_size bytes
};

}  // namespace chancery::wire
