// The answer to a rehearsal (wire/rehearsal_messages.h): what this collector's next connection would say of a
// certificate that its server, or the portal that it asks for one, is about to present. Its own trust is read anew, as
// every connection does; the judgement is the handshake's own (ClientContext::judge), by this machine's clock and by
// the name that this collector uses.
//
//   Rehearser rehearser({.server = server, .portal = portal, .next_trusts = [&] { return …; }, …});
//   if (auto verdict = rehearser.take(question)) dialogue.send(*verdict);
//   if (auto verdict = rehearser.due(now)) dialogue.send(*verdict);          // of a live one, which takes a connection
//
// One trust of several that takes the certificate is enough, as it is for a connection. Nothing is changed here. A
// collector that does not compare its peer would take any certificate. Thread safety: one thread; due() waits for a
// connection, up to ten seconds.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <random>

#include "appliance/tls/connection.h"
#include "appliance/wire/rehearsal_messages.h"
#include "collector/customer_keyring.h"
#include "collector/own_identity.h"
#include "collector/trust.h"

namespace chancery::collector {

class Rehearser {
 public:
  using SteadyTime = std::chrono::steady_clock::time_point;
  struct Parts {
    const tls::Target& server;          // of the present connection
    std::optional<tls::Target> portal;  // that it asks for an engine, if any
    // What the next connection would go by, read anew, in the order in which it is tried (Standing: a trust that was handed
    // over first, then what is bound); never empty.
    std::function<std::vector<Trust>()> next_trusts;
    const OwnIdentity& identity;
    const CustomerKeyring& customer_keys;
    int stop_descriptor = -1;
  };
  explicit Rehearser(Parts parts) : parts_(std::move(parts)) {}

  // nullopt for a live one: it falls due.
  std::optional<wire::Verdict> take(const wire::Rehearsal& question);
  SteadyTime next() const;  // SteadyTime::max() when nothing is due
  std::optional<wire::Verdict> due(SteadyTime now);

 private:
  struct Pending {
    std::string id;
    SteadyTime when;
  };
  Parts parts_;
  std::optional<Pending> pending_;  // the newest question counts
  std::mt19937 random_{std::random_device{}()};
};

// What a certificate of `server` is compared with; "" where it is not.
[[nodiscard]] std::string compared_name(const tls::ClientContext& context, const tls::Target& server);

}  // namespace chancery::collector
