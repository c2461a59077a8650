// The staged move of collectors from one server to another (T4): what server A hands down its live channel, and what a
// collector says of it. JSON and its bounds are collector_messages.h's.
//
//   server -> collector   move    B's address, the name that its certificate bears, and the CAs that it is under; without
//                                 an address: it stays where it is, and those CAs count beside what it trusts now
//   collector -> server   moved   taken, refused or failed, with the reason; proven right before it leaves for B
//
// A collector takes a move only over a connection that it has verified, and binds itself to B only once B has been proven
// by a full handshake under those CAs and the Customer Key; until then it stays with A.
#pragma once

#include <string>
#include <vector>

#include "keystore/bytes/bytes.h"

namespace chancery::wire {

struct Move {
  std::string host;  // "" with port 0: no other server, only more trust
  int port = 0;
  std::string name;            // "": `host`
  std::vector<Bytes> anchors;  // DER, 1 to 8: CAs, or B's own certificate
  int within_seconds = 0;      // a moment of its own choice, so that not all come to B at once
};

struct Moved {
  std::string state;   // moved_taken, …
  std::string reason;  // a code; "" where there is none
};
inline constexpr const char* moved_taken = "taken";      // it will be tried
inline constexpr const char* moved_proven = "proven";    // bound to B now
inline constexpr const char* moved_failed = "failed";    // not reached yet: it stays, and tries again
inline constexpr const char* moved_refused = "refused";  // not over this connection

}  // namespace chancery::wire
