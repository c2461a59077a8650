// Whether name constraints (RFC 5280, 4.2.1.10) are of the plain form that nobody has to decode to know that they can be.
// For sources (.cpp) only.
//
// True: OpenSSL reads them for certain, and they consist of nothing but permitted and excluded subtrees of e-mail, DNS,
// URI or address names without minimum and maximum. False says nothing: ask OpenSSL. An object for each of hundreds of
// names takes longer than all the rest of a certificate. Not checked: the names themselves.
#pragma once

#include "keystore/bytes/bytes.h"

namespace chancery {

// `value`: the extension's, NameConstraints ::= SEQUENCE.
[[nodiscard]] bool is_plain_constraints(ByteView value);

}  // namespace chancery
