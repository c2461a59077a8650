// A state that others can write to is not relied upon: whoever may rename a folder in it decides which key is served.
//
//   expect_guarded(state);   // before a program serves from it, and before it is changed
//
// Looks at STATE and the folders right below it: each must be a folder and no link, not writable for group or others,
// and of one owner with STATE (or root's, or the caller's); authority/, databases/ and run/ may have parts with owners
// of their own. Does not look at the folders above STATE, nor at access lists. Thread safe.
#pragma once

#include "keystore/files/folder.h"

namespace chancery {

void expect_guarded(const Folder& state);  // Failure("state-unguarded"); the hint is the command that puts it right

}  // namespace chancery
