// What is read of files that somebody else may have written or changed.
#pragma once

#include "keystore/bytes/bytes.h"

namespace chancery::fuzz {

void manifest(ByteView bytes);         // without its MAC: what a reader without the key meets
void backup_archive(ByteView bytes);   // without its seal
void backup_envelope(ByteView bytes);  // under a passphrase that is not the right one

}  // namespace chancery::fuzz
