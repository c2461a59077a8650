// From a passphrase to the key of a secretstream: argon2id within bounds, and the stream's state in wiping memory.
// Internal to backup: envelope.h and whole/sealed_file.h are what others use.
//
//   const SecretBytes key = key_of_passphrase(passphrase, salt, {});          // 3 passes over 64 MiB
//
// 3 passes over 64 MiB are RFC 9106's second recommended option. Opening takes 1 to 8 passes and 8 to 64 MiB: other
// figures are refused (are_sensible) before anything is spent on them. Thread safe.
#pragma once

#include <sodium.h>

#include "keystore/bytes/secret.h"
#include "keystore/fault.h"

namespace chancery::backup {

struct KeyWork {
  std::uint32_t passes = 3;
  std::uint32_t memory_kib = 64u << 10;
};

void start_sodium();  // Failure("random-failed")
[[nodiscard]] bool are_sensible(const KeyWork& work);
// Failure("no-memory"). `salt` is crypto_pwhash_SALTBYTES long.
[[nodiscard]] SecretBytes key_of_passphrase(const SecretBytes& passphrase, ByteView salt, const KeyWork& work);

// Holds the key's schedule: wiped with the object.
struct SecretStream {
  crypto_secretstream_xchacha20poly1305_state state{};
  SecretStream() = default;
  SecretStream(const SecretStream&) = delete;
  SecretStream& operator=(const SecretStream&) = delete;
  ~SecretStream() { wipe(&state, sizeof state); }
};

}  // namespace chancery::backup
