// The one SSL_CTX of a program's listeners. It bears no certificate: each handshake takes the snapshot in force once,
// in its ClientHello callback, and from it chain, key, suites, versions, trust and the demands on the client, decided
// by the endpoint it came in by and the ALPN it offers. For sources of tls/ only.
//
// ALPN: the first protocol of the client's list that is known here; none offered means http/1.1; none known is refused
// with no_application_protocol. Members must present a certificate under the federation's roots and get no tickets, nor
// does any client that has to present a certificate: resumption never skips that check.
// Thread safety: begin() from any thread; a Handshake belongs to one.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "appliance/tls/serving_snapshot.h"
#include "keystore/openssl/handles.h"

namespace chancery::tls {

inline constexpr char http_protocol[] = "http/1.1";
inline constexpr char member_protocol[] = "chancery-member/1";

struct Handshake {
  const Live* live = nullptr;
  const std::set<std::string>* channels = nullptr;
  std::string endpoint;
  std::string protocol;  // chosen; known after the ClientHello
  bool resumable = true;
  std::string client;                   // the name in the certificate that it has shown
  std::optional<Fault> client_refusal;  // why that certificate was refused
  std::shared_ptr<const ServingSnapshot> snapshot;
};

class ServerContext {
 public:
  ServerContext();
  // `handshake` must stay where it is until finish().
  [[nodiscard]] ossl::SslPtr begin(Handshake& handshake, int descriptor) const;
  static void finish(SSL* ssl, Handshake& handshake);

 private:
  ossl::SslCtxPtr context_;
};

}  // namespace chancery::tls
