// Time-based one-time passwords (RFC 6238: HMAC-SHA-1, 30 s, 6 digits), as every authenticator app knows them.
//
//   SecretBytes secret = new_factor_secret();                       // 20 bytes
//   std::string shown = factor_text(secret);                        // base32, for the app
//   std::optional<std::int64_t> step = factor_step(secret, "123456", unix_seconds, last_step);
//
// Good are the present step and the one before and after it (clocks differ), but none that is not after `last`, so that a
// code that was seen once is of no use. Compared in constant time. Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "keystore/bytes/secret.h"

namespace chancery::console {

[[nodiscard]] SecretBytes new_factor_secret();
[[nodiscard]] std::string factor_text(const SecretBytes& secret);
// The code of one step, six digits. For tests as well.
[[nodiscard]] std::string factor_code(const SecretBytes& secret, std::int64_t step);
// The step that `code` is of; nullopt: it is wrong, or was used.
[[nodiscard]] std::optional<std::int64_t> factor_step(const SecretBytes& secret, std::string_view code,
                                                      std::int64_t unix_seconds, std::int64_t last);

}  // namespace chancery::console
