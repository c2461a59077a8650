// What comes in over a control socket, and the small files and command lines that people write.
#pragma once

#include "keystore/bytes/bytes.h"

namespace chancery::fuzz {

void control_message(ByteView stream);
void policy_file(ByteView toml);      // endpoints, profiles and consumers
void program_command(ByteView text);  // a consumer's reload command
void address(ByteView text);          // HOST:PORT

}  // namespace chancery::fuzz
