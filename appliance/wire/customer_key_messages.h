// After `customer-key rotate` (membership/customer_keys.h): what a server tells a collector that still holds a former key.
//
//   collector -> server   hello        names the Customer Keys that it holds, newest first, by their ids
//   server -> collector   admission    names the one that it wants proven, where that is not the newest
//   server -> collector   new-key      over TLS only, and to nobody but a collector that was let in: the one in force
//
// The key is masked (XOR) with 32 bytes of the session's exporter, label "EXPORTER-chancery-new-key", so that it stands in
// no text in memory and means nothing outside this session. A collector takes it only where it has verified the server.
#pragma once

#include "keystore/bytes/bytes.h"

namespace chancery::wire {

inline constexpr const char* new_key_label = "EXPORTER-chancery-new-key";

struct NewKey {
  Bytes masked;  // 32 bytes
};

}  // namespace chancery::wire
