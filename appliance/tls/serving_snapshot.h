// What a listener presents and demands at one moment: an immutable snapshot, built and validated off the event loop and
// swapped behind one pointer, so that the next handshake, and every handshake, sees wholly the old or wholly the new.
//
//   live.set(ServingSnapshot::build(generation, endpoints));   // handshakes that start after set() returned see it
//
// build() reads identities, profiles and trust of one generation, checks that each key belongs to its leaf, and throws
// a Failure otherwise. Ticket keys live in Live, not in the snapshot: they survive a swap of certificate and are
// renewed when a swap changes trust or client policy. Thread safety: snapshots are immutable; Live is synchronised.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "appliance/settings/policy.h"
#include "backup/generations/generation.h"
#include "keystore/x509/private_key.h"

namespace chancery::tls {

// Everything one endpoint needs for its handshakes.
struct EndpointSnapshot {
  Endpoint endpoint;
  SecurityProfile profile;
  std::vector<Certificate> chain;  // leaf first, as sent
  PrivateKey key;
};

struct ServingSnapshot {
  backup::GenerationNumber generation = 0;
  // By endpoint name; enabled ones only, and on a single appliance the engine's disabled one, whose connections the
  // portal hands over (serving/handover.h): look at endpoint.enabled before opening a socket.
  std::map<std::string, EndpointSnapshot> endpoints;
  Bytes member_roots_pem;  // trust/federation/roots.pem: for ALPN chancery-member/1
  // Native objects (parsed chain, stores) prepared for the handshake callbacks; defined in serving_snapshot.cpp.
  struct Native;
  std::shared_ptr<const Native> native;

  // The enabled endpoints that `program` serves (endpoint_program).
  [[nodiscard]] static std::shared_ptr<const ServingSnapshot> build(const backup::Generation& generation,
                                                                    const std::string& program);
  // One endpoint that no generation knows (NiFi mode): no members, no client certificates. Failures of build().
  [[nodiscard]] static std::shared_ptr<const ServingSnapshot> single(EndpointSnapshot endpoint);
};

// Whether any endpoint could serve by `profile`; Failure("bad-profile") for lists that OpenSSL refuses or
// that protect nothing, for trusted files that are not there or hold no certificate, and for level None where client
// certificates are demanded, which plain text cannot show.
// `read` has the files of the generation, and those that are to become part of it.
void expect_servable(const SecurityProfile& profile, const std::function<Bytes(const std::string& path)>& read);
// Plain text is for the collector channel and what the Web API tells anybody: Failure("bad-profile") where `profile` allows
// it and the endpoint is one that takes passwords (console) or binds proofs to the session (join).
void expect_level(const SecurityProfile& profile, const std::string& endpoint);

// The pointer. A small mutex, not std::atomic<shared_ptr> (which trips ThreadSanitizer with g++ 12).
class Live {
 public:
  explicit Live(std::shared_ptr<const ServingSnapshot> first);
  ~Live();
  std::shared_ptr<const ServingSnapshot> get() const;
  void set(std::shared_ptr<const ServingSnapshot> next);

  // Asked in the handshake about each client certificate that has passed every other check, with its whole chain: why it
  // does not count ("revoked", anything else: nobody can say), or nullopt. Set before anything is served; it must not wait.
  using ClientRule =
      std::function<std::optional<std::string>(const std::string& endpoint, const std::vector<Certificate>& chain)>;
  void set_client_rule(ClientRule rule);
  const ClientRule& client_rule() const;

  struct Tickets;  // session-ticket keys, shared by all listeners of a program
  Tickets& tickets() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chancery::tls
