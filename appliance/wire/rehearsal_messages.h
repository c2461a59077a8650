// Who would break (C4): what a server asks its collectors before it changes what it presents, and what they answer.
//
//   server -> collector   rehearsal   would you take this? each judges by its own trust, clock and name for the server
//   collector -> server   verdict     the reason why not, or that it would
//
// A question is one message for all of them, so it is encoded once. `live` asks for the deed instead of the word: a
// second connection to the same server, at a moment of the collector's own choice within the time that is given, as it
// would make its next one. JSON and its bounds are collector_messages.h's.
#pragma once

#include <string>
#include <vector>

#include "keystore/bytes/bytes.h"

namespace chancery::wire {

struct Rehearsal {
  std::string id;                         // said back in the verdict
  std::string about = "server";           // "server": whom it is talking to; "portal": whom it asks for an engine
  std::vector<Bytes> chain = {};          // DER, leaf first, as it would be sent; at most 16
  std::vector<std::string> without = {};  // SHA-256 of anchors that are taken for gone; at most 64
  std::string minimum_protocol = {};      // "TLSv1.3"; "" stays as it is
  bool client_certificate = false;        // would be demanded
  bool live = false;
  int within_seconds = 0;
};

// Reasons are the codes of a failed handshake (tls/connection.h: untrusted-root, name-mismatch, expired, not-yet-valid,
// revoked, …), and those of this folder:
inline constexpr const char* would_trust = "";
inline constexpr const char* unconcerned = "unconcerned";                             // it does not use that server
inline constexpr const char* needs_client_certificate = "client-certificate-needed";  // and it has none
inline constexpr const char* protocol_too_new = "protocol-version";                   // it speaks nothing so new
// Said by the server of those whom it asks nothing: it has seen what they offer, and knows what it would no longer take.
inline constexpr const char* tls_required = "tls-required";
inline constexpr const char* endpoint_closed = "endpoint-closed";

struct Verdict {
  std::string id;
  std::string reason;  // would_trust, unconcerned, or why not
  std::string name;    // what it calls the server
  std::string detail;  // for people, at most 300 bytes
};

}  // namespace chancery::wire
