// The CA of NiFi mode: a self-signed RSA certificate that serves TLS itself, because the protocol's clients accept only
// a chain of that one certificate. It has nothing to do with the federation's authority, and no appliance trusts it.
//
//   CertificateAuthority authority = CertificateAuthority::open_or_create("/srv/nifi-ca", "ca.example.com", system_now);
//   Certificate leaf = authority.issue(request);
//
// In its folder, all 0600: nifi-ca-keystore.jks (alias nifi-key, as the toolkit names both), its password in
// nifi-ca-keystore.password, and nifi-ca-cert.pem. A keystore of the toolkit's serves as well when its password
// (keyStorePassword, and keyPassword the same) is put beside it so.
// Thread safety: const methods may run in parallel.
#pragma once

#include <memory>
#include <string>

#include "keystore/x509/instant.h"
#include "keystore/x509/private_key.h"
#include "keystore/x509/request.h"

namespace chancery::nifi {

class CertificateAuthority {
 public:
  // RSA 2048, SHA256withRSA, CN=<host>,OU=NIFI, ten years. An existing one must be for `host`: Failure
  // ("name-mismatch"); not a CA: ("not-a-ca"); over: ("expired"); key and certificate apart: ("key-mismatch").
  // Failure("already-exists") where the folder holds something else.
  [[nodiscard]] static CertificateAuthority open_or_create(const std::string& folder, const std::string& host,
                                                           const Clock& clock);

  const Certificate& certificate() const noexcept { return certificate_; }
  const PrivateKey& key() const noexcept { return key_; }
  bool was_created() const noexcept { return was_created_; }

  // A leaf for clientAuth and serverAuth, 825 days and never longer than the CA, with the names of names.h and nothing
  // else of the request's. Failure("bad-request-signature"), ("key-weak"), ("bad-name"), ("expired").
  [[nodiscard]] Certificate issue(const CertificateRequest& request, Instant now) const;

 private:
  CertificateAuthority(Certificate certificate, PrivateKey key, bool was_created)
      : certificate_(std::move(certificate)), key_(std::move(key)), was_created_(was_created) {}
  Certificate certificate_;
  PrivateKey key_;
  bool was_created_ = false;
};

}  // namespace chancery::nifi
