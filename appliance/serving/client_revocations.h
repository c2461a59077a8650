// Client certificates against the CRLs that profiles name (A6): `profile.<name>.crl`, a file or a web address, read anew
// every `crl-interval` minutes.
//
//   ClientRevocations revocations(run_folder, "portal");
//   changeover.add([&](const backup::Generation& generation) { return revocations.prepare(generation); });
//   if (auto refusal = revocations.refusal(endpoint, chain)) …      // in the handshake, and for each later request
//   revocations.look();                                             // every second, from a background thread
//
// A list counts when one of the profile's trusted CAs, or a CA that one of them has signed and this appliance knows, has
// signed it, and while it has not ended. Where a profile names a CRL, a client is let in only when a list that counts
// covers the issuer of its certificate and does not have it: no list, one that cannot be read, one that has ended, and
// one of another CA let nobody in. A list that was read stays in force until its end when it cannot be read again, also
// over a restart (run/<program>/crl/<profile>.pem); an older one never replaces a newer one. What is the matter stands
// in the program's conditions.
// Web addresses: https is verified with the program's client trust (P24), at most 4 MiB within 10 s, from look() only.
// A file may be in the generation ("trust/federation/crl.pem") or anywhere ("/etc/…"), PEM or DER; it is read anew as
// soon as it has changed. Thread safe; refusal() never waits.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "appliance/serving/serving_program.h"
#include "backup/generations/generation.h"
#include "keystore/x509/certificate.h"

namespace chancery::serving {

class ClientRevocations {
 public:
  using Report = std::function<void(const std::string& name, std::optional<Condition> condition)>;
  ClientRevocations(const Folder& run, std::string program, Clock clock, Report report);
  ~ClientRevocations();

  // Reads files at once; lists from the web stay those that were there.
  std::function<void()> prepare(const backup::Generation& generation);
  void look();

  bool concerns(const std::string& endpoint) const;  // its profile names a CRL
  // Why a client with this chain (leaf first) may not use the endpoint: "revoked", "crl-unknown"; nullopt: it may, or
  // the endpoint's profile names no CRL.
  std::optional<std::string> refusal(const std::string& endpoint, const std::vector<Certificate>& chain) const;

 private:
  struct Source;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chancery::serving
