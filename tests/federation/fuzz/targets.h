// What is fed with arbitrary bytes: everything of a join that is read before, or without, knowing who sent it.
#pragma once

#include "keystore/bytes/bytes.h"

namespace chancery::fuzz {

void join_request(ByteView input);  // at the authority
void join_reply(ByteView input);    // at the joiner: reply, its text, refusal
void join_token(ByteView input);
// What a member and its primary read of each other's orders: the CMS around it without a key to open it, and the content.
void order_message(ByteView input);

}  // namespace chancery::fuzz
