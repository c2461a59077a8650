// A backup set on its way out of the appliance: under a passphrase, everything inside hidden and authenticated.
//
//   SecretBytes file = close_envelope(zip, passphrase);
//   SecretBytes zip = open_envelope(file, passphrase);    // Failure("passphrase-wrong"), also when a byte was changed
//
//   file = "CHANBAK1", u32 argon2id passes, u32 argon2id memory in KiB, 16 bytes salt, 24 bytes stream header,
//          then blocks of 64 KiB + 17 bytes of crypto_secretstream_xchacha20poly1305, the last one (shorter or equal)
//          tagged final; the bytes before the stream header are additional data of the first block.
//
// Made with 3 passes over 64 MiB (RFC 9106, second recommended option). Opening takes 1 to 8 passes and 8 to 64 MiB
// and refuses other figures before it spends anything on them. Not checked: how good the passphrase is. Thread safe.
#pragma once

#include "keystore/bytes/secret.h"

namespace chancery::backup {

[[nodiscard]] bool is_envelope(ByteView bytes);
// Failure("passphrase-empty").
[[nodiscard]] SecretBytes close_envelope(ByteView contents, const SecretBytes& passphrase);
// Failures: "backup-damaged" (not an envelope, or its figures are out of bounds), "passphrase-wrong".
[[nodiscard]] SecretBytes open_envelope(ByteView envelope, const SecretBytes& passphrase);

}  // namespace chancery::backup
