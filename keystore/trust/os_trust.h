// The operating system's trusted roots, as one call.
//
// Linux: the first bundle that exists of SSL_CERT_FILE, /etc/ssl/certs/ca-certificates.crt,
// /etc/pki/tls/certs/ca-bundle.crt, /etc/ssl/cert.pem. Returns the PEM bytes as they are; an absent store is an empty
// result, not a fault.
#pragma once

#include <string>

#include "keystore/bytes/bytes.h"

namespace chancery {

[[nodiscard]] Bytes os_trust_bundle();
[[nodiscard]] std::string os_trust_path();  // "" when there is none

}  // namespace chancery
