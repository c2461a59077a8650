#include "backup/sets/passphrase_key.h"

namespace chancery::backup {
namespace {

constexpr std::uint32_t kMaximumPasses = 8;
constexpr std::uint32_t kMinimumMemoryKiB = 8u << 10;
constexpr std::uint32_t kMaximumMemoryKiB = 64u << 10;

}  // namespace

void start_sodium() {
  static const bool started = sodium_init() >= 0;
  if (!started) {
    throw Failure({.code = "random-failed",
                   .subject = "libsodium",
                   .cause = "the cryptographic library could not be started",
                   .hint = "check that /dev/urandom can be read and try again"});
  }
}

bool are_sensible(const KeyWork& work) {
  return work.passes >= 1 && work.passes <= kMaximumPasses && work.memory_kib >= kMinimumMemoryKiB &&
         work.memory_kib <= kMaximumMemoryKiB;
}

SecretBytes key_of_passphrase(const SecretBytes& passphrase, ByteView salt, const KeyWork& work) {
  SecretBytes key(crypto_secretstream_xchacha20poly1305_KEYBYTES);
  // An empty one has no address, and libsodium wants one.
  const char* const typed = passphrase.empty() ? "" : reinterpret_cast<const char*>(passphrase.data());
  if (crypto_pwhash(key.data(), key.size(), typed, passphrase.size(), salt.data(), work.passes,
                    std::size_t{work.memory_kib} << 10, crypto_pwhash_ALG_ARGON2ID13) != 0) {
    throw Failure({.code = "no-memory",
                   .subject = "argon2id",
                   .cause = "there is not enough memory to derive the key",
                   .hint = "free 64 MiB of memory and try again"});
  }
  return key;
}

}  // namespace chancery::backup
