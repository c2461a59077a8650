// Bytes of the network that are read by readers of our own.
#pragma once

#include "keystore/bytes/bytes.h"

namespace chancery::fuzz {

void client_hello(ByteView bytes);  // peeked at before there is an SSL
void http_reply(ByteView bytes);    // whole and byte by byte

}  // namespace chancery::fuzz
