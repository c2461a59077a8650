// A key in a PKCS#11 token, through OpenSSL's engine "pkcs11". For sources of this folder.
#pragma once

#include <memory>
#include <string>

#include "keystore/x509/private_key.h"

namespace chancery::authority {

struct TokenKey {
  std::shared_ptr<void> engine;  // to be kept as long as the key
  PrivateKey key;
};

// Checks the URI (RFC 7512) as far as we depend on it: Failure("bad-token-uri"), also for a PIN in it.
void check_token_uri(const std::string& uri);

// Loads the engine and logs in. Failure("token-unavailable"), "root-key-locked" for a wrong PIN or a key that is not
// there: tokens do not tell the two apart.
[[nodiscard]] TokenKey open_token_key(const std::string& uri, const SecretBytes& pin);

}  // namespace chancery::authority
