// Fuzz targets of the stores of BouncyCastle (tests/fuzz/bombard.h).
#pragma once

#include "keystore/bytes/bytes.h"

namespace chancery::fuzz {

void bks(ByteView bytes);    // with the MAC made right, as an attacker does who knows the password
void bcfks(ByteView bytes);  // a whole file, and once more as what stands inside the encryption
void uber(ByteView bytes);

}  // namespace chancery::fuzz
