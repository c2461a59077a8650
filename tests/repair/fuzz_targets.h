// What somebody may put on an endpoint's stick.
#pragma once

#include "keystore/bytes/bytes.h"

namespace chancery::fuzz {

void repair_file(ByteView bytes);  // opens as the one order that was signed, or not at all
void repair_key(ByteView document);

}  // namespace chancery::fuzz
