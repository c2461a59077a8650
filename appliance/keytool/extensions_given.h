// -ext of -genkeypair and -certreq: NAME[:critical][=VALUE] in the words of keytool, as DER.
//
// Names: BC KU EKU SAN IAN SIA AIA CRL and their long forms, shortened as one likes while they are unambiguous, in any
// case; a dotted OID with hex digits for anything else. Failures in Java's words. Thread safety: pure functions.
#pragma once

#include <string>
#include <vector>

#include "keystore/bytes/bytes.h"

namespace chancery::keytool {

// The content of an Extensions SEQUENCE, wrapped in it: what was given, and the subjectKeyIdentifier of this key; with
// `issuer_key_id` the authorityKeyIdentifier too. In the order of their OIDs' text, as Java has them.
struct ExtensionRequest {
  const std::vector<std::string>& given;
  ByteView key_info;            // SubjectPublicKeyInfo
  ByteView issuer_key_id = {};  // empty: none
};
[[nodiscard]] Bytes extensions_der(const ExtensionRequest& request);
// SHA-1 of the key's bits (RFC 5280, 4.2.1.2).
[[nodiscard]] Bytes key_identifier(ByteView key_info);

}  // namespace chancery::keytool
