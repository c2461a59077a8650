// Where requests of NiFi mode are judged: the token, the request, and then the certificate. No socket in it.
//
//   Desk desk(authority, token, system_now);
//   Desk::Answer answer = desk.answer(body, "192.0.2.7:4711");
//
// Ten wrong tokens within a minute and an address has to wait; it is told `forbidden` whatever it sends, as for a wrong
// token. Thread safety: answer() from any thread.
#pragma once

#include <string>

#include "appliance/federation/attempts.h"
#include "appliance/nifi/certificate_authority.h"
#include "keystore/bytes/secret.h"

namespace chancery::nifi {

class Desk {
 public:
  // Failure("token-too-short").
  Desk(CertificateAuthority authority, SecretBytes token, Clock clock);

  struct Answer {
    int status = 200;
    std::string body;  // JSON
    std::string line;  // for the log: what was decided, never token, HMAC or body
  };
  [[nodiscard]] Answer answer(const std::string& body, const std::string& peer);

  const CertificateAuthority& authority() const noexcept { return authority_; }

 private:
  Answer judged(const std::string& body, const std::string& peer);

  const CertificateAuthority authority_;
  const SecretBytes token_;
  const Clock clock_;
  const Sha256 own_mac_;  // of every reply: the protocol has nothing in it that would change
  federation::Attempts attempts_;
};

}  // namespace chancery::nifi
