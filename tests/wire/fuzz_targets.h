// What peers of the collector channel send before, or without, anybody knowing who they are.
#pragma once

#include "keystore/bytes/bytes.h"

namespace chancery::fuzz {

void collector_frames(ByteView stream);      // must not matter in which pieces it comes
void collector_message(ByteView json);       // what was read is written and read the same again
void discovery_datagram(ByteView datagram);  // likewise, and never answered by more than was asked

}  // namespace chancery::fuzz
