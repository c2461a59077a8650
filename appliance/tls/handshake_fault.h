// What went wrong between two TLS ends, said so that a person knows which side to mend. For sources of tls/ and its
// tests. Drains OpenSSL's error queue of this thread.
#pragma once

#include <string>

#include "keystore/fault.h"

namespace chancery::tls {

// The error of a failed handshake or read, from the queue: alerts of the peer ("asks for a client certificate"), plain
// text on a TLS port, no protocol or cipher in common. Code "tls-handshake".
[[nodiscard]] Fault handshake_fault(const std::string& peer);

// A verdict of X509_verify_cert (X509_V_ERR_…) on the peer's chain. Codes untrusted-root, expired, not-yet-valid,
// eku-mismatch, path-length, not-a-ca, name-constraint, key-weak, signature-weak, revoked, tls-handshake.
[[nodiscard]] Fault verification_fault(int error, int depth, const std::string& peer);

}  // namespace chancery::tls
