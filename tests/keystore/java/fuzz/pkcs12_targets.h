// What is fuzzed of PKCS#12 (tests/fuzz/bombard.h). Nothing here is paid for with many iterations: parts that want more
// than a few are not opened.
#pragma once

#include "keystore/bytes/bytes.h"

namespace chancery::fuzz {

void pkcs12(ByteView bytes);             // a whole file, without its password
void pkcs12_bags(ByteView bytes);        // a SafeContents, as it lies in an encrypted part
void pkcs12_protection(ByteView bytes);  // an AlgorithmIdentifier or a MacData

}  // namespace chancery::fuzz
