// What is fuzzed of JKS and JCEKS (tests/fuzz/bombard.h). Stores are sealed under "fuzz", and so are their keys.
#pragma once

#include "keystore/bytes/bytes.h"

namespace chancery::fuzz {

void jks(ByteView bytes);
void jceks(ByteView bytes);
void java_object(ByteView bytes);  // the Java objects in a JCEKS: sealed ones and keys

}  // namespace chancery::fuzz
