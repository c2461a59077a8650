// What Java 17 says about weak keys and signatures: its certification path policy as Debian ships it
// (jdk.certpath.disabledAlgorithms, jdk.security.legacyAlgorithms), as marks in what is printed and as warnings at the end.
//
// Disabled: MD2, MD5, RSA and DSA under 1024 bits, EC under 224, SHA-1 for signing code, SHA-1 for a TLS server under one
// of the JDK's own roots. Weak: SHA-1, RSA and DSA under 2048 bits. A site's own java.security is not read.
// Thread safety: none needed.
#pragma once

#include <string>
#include <vector>

#include "appliance/keytool/certificate_view.h"
#include "appliance/keytool/work.h"

namespace chancery::keytool {

// A certificate that the store (or the JDK's cacerts, with -trustcacerts) holds as trusted: nobody judges its signature.
class TrustedSet {
 public:
  explicit TrustedSet(const Work& work) : work_(work) {}
  [[nodiscard]] bool contains(ByteView der);

 private:
  void fill();
  const Work& work_;
  bool filled_ = false;
  std::vector<std::pair<std::size_t, ByteView>> by_hash_;  // sorted
};

// "SHA1withRSA (weak)".
[[nodiscard]] std::string marked_signature(const CertificateView& certificate, TrustedSet& trusted);
[[nodiscard]] std::string marked_signature_name(const std::string& name);  // of a request: no certificate, no usage
// "1024-bit RSA key (weak)".
[[nodiscard]] std::string marked_key(const KeyView& key);

// Warnings about one certificate, called `label` in them. `chain`: those it stands among, it first; empty for one alone.
void warn_of(Work& work, TrustedSet& trusted, const std::string& label, const CertificateView& certificate,
             const std::vector<CertificateView>& chain = {});
// About each of a chain: "LABEL #1 of 3".
void warn_of_chain(Work& work, TrustedSet& trusted, const std::string& label,
                   const std::vector<CertificateView>& chain);
void warn_of_request(Work& work, const std::string& label, const std::string& signature, const KeyView& key);
[[nodiscard]] std::string one_of_many(const std::string& label, std::size_t at, std::size_t count);

}  // namespace chancery::keytool
