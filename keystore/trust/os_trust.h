// The operating system's trusted roots, as one call, for servers: what OpenSSL, Debian and p11-kit would trust together,
// less what any of them distrusts.
//
// Linux: the first bundle that exists of SSL_CERT_FILE, /etc/ssl/certs/ca-certificates.crt,
// /etc/pki/tls/certs/ca-bundle.crt, /etc/ssl/cert.pem; and, unless SSL_CERT_FILE says otherwise, certificates that an
// administrator put into /etc/ssl/certs himself with a hash link (OpenSSL finds them there).
// A certificate that is present but not trusted does not count (P19): one in a TRUSTED CERTIFICATE block whose trust
// settings reject server authentication or allow only other uses; one in a blocklist folder of p11-kit's sources, or in a
// .p11-kit file as x-distrusted.
// Returns PEM, the bundle's own bytes where nothing has to be left out; an absent store is an empty result, not a fault.
#pragma once

#include <string>

#include "keystore/bytes/bytes.h"

namespace chancery {

[[nodiscard]] Bytes os_trust_bundle();
[[nodiscard]] std::string os_trust_path();  // "" when there is none

// The parts, for tests. `root` stands before every path ("" is this machine's).
[[nodiscard]] Bytes os_trust_bundle_below(const std::string& root);

}  // namespace chancery
