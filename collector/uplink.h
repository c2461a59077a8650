// One connection of a collector to an engine (or a portal): prove who we are, be proven to, report until it ends, and
// follow what the engine says of the federation's roots and of revoked certificates.
//
//   Ending ending = Uplink(parts).run(server, trust, number, stop_descriptor, events);
//
// The server must verify under `trust` and prove that it holds the Customer Key, else nothing is reported to it and
// nothing is learned from it. At the level None TLS is tried first, and plain text where the server speaks no TLS; nothing
// is learned over that. Returns when stopped, assigned elsewhere, told to come back later, when `events` know of something
// better, or the server ends it; throws a Failure for everything that went wrong, "revoked" when a new list has the
// certificate that this very server presented.
#pragma once

#include <functional>
#include <optional>

#include "appliance/tls/connection.h"
#include "appliance/wire/session_messages.h"
#include "collector/dialogue.h"
#include "collector/follower.h"
#include "collector/own_identity.h"
#include "collector/trust.h"

namespace chancery::collector {

struct Ending {
  bool stopped = false;                    // the stop descriptor became readable
  std::optional<tls::Target> engine = {};  // a portal's assignment
  std::optional<wire::Later> later = {};   // the server goes, or is too busy
  bool has_better = false;                 // `events` said so
};

// What its owner does beside it; functions that are not set are not asked.
struct UplinkEvents {
  using SteadyTime = std::chrono::steady_clock::time_point;
  // The server has proven itself, as an engine or as a portal; `verified`: by a full handshake; `plain`: without TLS.
  std::function<void(const std::string& server, bool verified, bool plain)> on_connected;
  // Handed over by a server that was verified.
  std::function<wire::Moved(const wire::Move& move)> on_move;
  // Another server or trust is to be tried while this connection lives: when, and what came of it.
  struct Trial {
    bool is_better = false;
    std::optional<wire::Moved> say = {};
  };
  std::function<SteadyTime()> next_trial;
  std::function<Trial()> trial;
  // What the next connection would go by, in the order in which it is tried (a rehearsal judges by it). May be empty.
  std::function<std::vector<Situation>()> next_situations;
  int wake_descriptor = -1;        // readable when somebody has changed the state
  std::function<bool()> on_woken;  // reads it empty; true: end this connection and look again
};

class Uplink {
 public:
  struct Parts {
    const CollectorSettings& settings;
    const Situation& situation;
    bool is_found = false;  // by discovery: trust.h
    const OwnIdentity& identity;
    CustomerKeyring& customer_keys;
    KeptAnchors& anchors;
    KeptRevocations& revocations;
  };
  explicit Uplink(const Parts& parts) : parts_(parts) {}
  Ending run(const tls::Target& server, const Trust& trust, std::uint64_t number, int stop_descriptor,
             const UplinkEvents& events) const;

 private:
  Dialogue connect(const tls::Target& server, const Trust& trust, std::uint64_t number, int stop_descriptor) const;
  Parts parts_;
};

}  // namespace chancery::collector
