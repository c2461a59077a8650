// One connection of a collector to an engine (or a portal): prove who we are, be proven to, report until it ends.
//
//   Ending ending = Uplink(identity, customer_key).run(server, trust, stop_descriptor, events);
//
// The server must verify under `trust` and prove that it holds the Customer Key, else nothing is reported to it.
// Returns when stopped, assigned elsewhere, or the server ends it; throws a Failure for everything that went wrong.
#pragma once

#include <functional>
#include <optional>

#include "appliance/tls/connection.h"
#include "collector/own_identity.h"
#include "collector/trust.h"

namespace chancery::collector {

struct Ending {
  bool stopped = false;               // the stop descriptor became readable
  std::optional<tls::Target> engine;  // a portal's assignment
};

struct UplinkEvents {
  std::function<void(const std::string& server)> on_connected;  // the server has proven itself
};

class Uplink {
 public:
  Uplink(const OwnIdentity& identity, const SecretBytes& customer_key, int report_seconds)
      : identity_(identity), customer_key_(customer_key), report_seconds_(report_seconds) {}
  Ending run(const tls::Target& server, const Trust& trust, std::uint64_t number, int stop_descriptor,
             const UplinkEvents& events) const;

 private:
  const OwnIdentity& identity_;
  const SecretBytes& customer_key_;
  int report_seconds_;
};

}  // namespace chancery::collector
