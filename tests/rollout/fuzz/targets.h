// What is fed with arbitrary bytes: the plan of a rollout, as text and as a zip.
#pragma once

#include "keystore/bytes/bytes.h"

namespace chancery::fuzz {

void rollout_plan(ByteView input);
void rollout_archive(ByteView input);

}  // namespace chancery::fuzz
