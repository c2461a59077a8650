// Whether a client and a server would agree on protocol version, cipher suite and group: asked before a profile is put in
// force, of clients that have connected before (C4).
//
//   ClientOffer offer = offer_of(accepted);                          // on the server, of the handshake that was
//   NegotiatingServer server({.minimum_protocol = "TLSv1.3"}, leaf);
//   if (const auto fault = server.refusal_of(offer)) …               // protocol-version, no-common-cipher, no-common-group
//
// It is tried, not computed: a handshake in memory between two SSLs, the server's with the lists and a throw-away key of
// the leaf's kind (which decides about suites of TLS 1.2), the client's as the offer has it. Not judged: certificates,
// names and trust (ClientContext::judge does), signature algorithms, and what a client would offer another time.
// Thread safety: offer_of belongs to the connection's thread; a NegotiatingServer may be shared.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "appliance/tls/connection.h"
#include "appliance/tls/security_profile.h"
#include "keystore/fault.h"

namespace chancery::tls {

// OpenSSL's names, as lists of a profile have them; what this OpenSSL does not know is left out. A client that offers
// TLS 1.3 offers suites of it (TLS_…), one that offers TLS 1.2 offers others.
struct ClientOffer {
  std::string ciphers;
  std::string groups;
  bool is_known() const noexcept { return !ciphers.empty(); }
  friend bool operator==(const ClientOffer&, const ClientOffer&) = default;
};

// Of a connection that a server has accepted; not known where it has no TLS.
[[nodiscard]] ClientOffer offer_of(const Connection& accepted);
// "CIPHERS GROUPS" and back; anything else is an offer that is not known.
[[nodiscard]] std::string to_text(const ClientOffer& offer);
[[nodiscard]] ClientOffer offer_from_text(const std::string& text);

class NegotiatingServer {
 public:
  // Failure("bad-profile").
  NegotiatingServer(ProtocolLists lists, const Certificate& leaf);
  ~NegotiatingServer();
  NegotiatingServer(NegotiatingServer&&) noexcept;
  NegotiatingServer& operator=(NegotiatingServer&&) noexcept;

  // nullopt where they agree. An offer that is not known is Failure("no-offer").
  [[nodiscard]] std::optional<Fault> refusal_of(const ClientOffer& offer) const;
  [[nodiscard]] std::optional<Fault> refusal_of(const ClientContext& client) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace chancery::tls
