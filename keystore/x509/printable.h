// Text out of certificates, made safe to print: control characters (C0, C1, DEL), characters that turn the direction of
// writing, backslashes and whatever is not UTF-8 come out as \xNN, byte by byte.
#pragma once

#include <string>

#include "keystore/bytes/bytes.h"

namespace chancery {

[[nodiscard]] std::string printable(ByteView text);

}  // namespace chancery
