// The directory that people sign in by: an LDAP server over TLS, asked by a simple bind (RFC 4511, 4.2; RFC 4513, 5.1.3).
//
//   Directory directory(settings, /*skip_certificate_validation=*/false);
//   directory.set_trust(trust::portal_trust_pem(generation));
//   if (directory.knows("ada", password)) …                 // false: wrong name or password
//
// No password leaves before TLS is up: ldaps://, or StartTLS at once after connecting. The server's certificate is
// verified with the trust that was set last and must bear the host's name, unless validation is skipped by setting
// (P23). Empty passwords never reach the server, which would take them for an anonymous bind and say yes (RFC 4513,
// 5.1.2). Referrals are not followed. Each question is a connection of its own, given up
// after 8 s.
//
// OpenLDAP's library reads ldap.conf and LDAP… of the environment; everything that decides about TLS is set here and
// comes before those. Thread safe.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "appliance/settings/portal_settings.h"
#include "keystore/bytes/secret.h"

namespace chancery::portal {

class Directory {
 public:
  Directory(DirectorySettings settings, bool skip_certificate_validation);

  void set_trust(Bytes pem);
  // Failure("directory-unavailable") when the server cannot be asked, with what its handshake shows as the cause;
  // "timeout", "tcp-refused" and the like when it does not answer;
  // "key-permissions" and the like for the file with the password of who searches.
  [[nodiscard]] bool knows(const std::string& user, const SecretBytes& password) const;

 private:
  std::shared_ptr<const Bytes> trust() const;

  const DirectorySettings settings_;
  const bool skip_validation_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Bytes> trust_;
};

}  // namespace chancery::portal
