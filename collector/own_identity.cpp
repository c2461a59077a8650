#include "collector/own_identity.h"

#include "keystore/bytes/text_encoding.h"

namespace chancery::collector {

namespace {
constexpr const char* key_name = "collector.key";
constexpr std::size_t key_limit = 16384;
}  // namespace

OwnIdentity own_identity(const Folder& state) {
  if (!state.status(key_name)) {
    const SecretBytes pem = PrivateKey::generate(KeyType::ed25519).to_pem();
    state.write_atomically(key_name, view_of(pem), {.mode = 0600});
  }
  const SecretBytes pem = state.read_secret(key_name, key_limit);
  PrivateKey key = PrivateKey::from_pem(view_of(pem));
  std::string id = to_hex(sha256(key.public_key_der()));
  return {std::move(key), std::move(id)};
}

}  // namespace chancery::collector
