// Names of secret keys' algorithms as BCFKS stores them: by OID. Internal to keystore/java.
#pragma once

#include <string>

#include "keystore/bytes/bytes.h"

namespace chancery::java::bcfks {

// "AES", "DESede", "HmacSHA256", …; the dotted OID for others. `oid` is the content of an OBJECT IDENTIFIER.
[[nodiscard]] std::string secret_key_name(ByteView oid);
// The other way, any case, dotted OIDs too; Failure("key-unsupported") for what has no OID.
[[nodiscard]] Bytes secret_key_oid(const std::string& name);

}  // namespace chancery::java::bcfks
