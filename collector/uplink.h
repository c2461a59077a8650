// One connection of a collector to an engine (or a portal): prove who we are, be proven to, report until it ends, and
// follow what the engine says of the federation's roots and of revoked certificates.
//
//   Ending ending = Uplink(parts).run(server, trust, number, stop_descriptor, events);
//
// The server must verify under `trust` and prove that it holds the Customer Key, else nothing is reported to it and
// nothing is learned from it. Returns when stopped, assigned elsewhere, or the server ends it; throws a Failure for
// everything that went wrong, "revoked" when a new list has the certificate that this very server presented.
#pragma once

#include <functional>
#include <optional>

#include "appliance/tls/connection.h"
#include "collector/follower.h"
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
  struct Parts {
    const CollectorSettings& settings;
    const OwnIdentity& identity;
    const SecretBytes& customer_key;
    KeptAnchors& anchors;
    KeptRevocations& revocations;
  };
  explicit Uplink(Parts parts) : parts_(parts) {}
  Ending run(const tls::Target& server, const Trust& trust, std::uint64_t number, int stop_descriptor,
             const UplinkEvents& events) const;

 private:
  void prove_to(const tls::Target& server, const Certificate& root, std::uint64_t number, int stop_descriptor) const;
  Parts parts_;
};

}  // namespace chancery::collector
