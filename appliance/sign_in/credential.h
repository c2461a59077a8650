// The name and password of an HTTP Basic header (RFC 7617), taken apart in wiping memory.
//
//   if (auto credential = basic_credential(view_of(call.authorization))) check(credential->user, credential->password);
//
// Thread safety: a pure function.
#pragma once

#include <optional>
#include <string>

#include "keystore/bytes/secret.h"

namespace chancery {

struct Credential {
  std::string user;
  SecretBytes password;
};

// nullopt for anything else, for more than 1,024 bytes, and where no colon separates the two.
[[nodiscard]] std::optional<Credential> basic_credential(ByteView authorization);

}  // namespace chancery
