// What is fuzzed on this floor: each function takes any bytes and must come back, having crashed, leaked or hung
// nothing. They abort where a value that was accepted contradicts itself. Run by libFuzzer (entry.cpp, preset fuzz)
// and, over a seed corpus and its deterministic mutations, by an ordinary test (fuzz_test.cpp).
#pragma once

#include "keystore/bytes/bytes.h"

namespace chancery::fuzz {

void material(ByteView bytes);
void certificate(ByteView bytes);
void request(ByteView bytes);
void name(ByteView bytes);
void cursor(ByteView bytes);

}  // namespace chancery::fuzz
