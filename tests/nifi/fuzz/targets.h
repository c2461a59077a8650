// What strangers send to either side of NiFi mode.
#pragma once

#include "keystore/bytes/bytes.h"

namespace chancery::fuzz {

void nifi_head(ByteView input);
void nifi_body(ByteView input);
void nifi_request(ByteView input);  // the names of a CSR in DER

}  // namespace chancery::fuzz
