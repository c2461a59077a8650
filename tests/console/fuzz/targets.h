// What the console reads of strangers before it knows them: forms. One function for each fuzz target.
#pragma once

#include "keystore/bytes/bytes.h"

namespace chancery::fuzz {

void console_form(ByteView input);

}  // namespace chancery::fuzz
