#include "appliance/manager/kept_keys.h"

#include "keystore/fault.h"

namespace chancery::manager {
namespace {

constexpr std::size_t key_limit = std::size_t{16} * 1024;

PrivateKey kept_or_new_key(const Folder& state, const std::string& path) {
  if (state.status(path)) {
    try {
      return PrivateKey::from_pem(view_of(state.read_secret(path, key_limit)));
    } catch (const Failure& failure) {
      if (failure.code() == "permission-denied" || failure.code() == "io-error") throw;
    }
  }
  PrivateKey key = PrivateKey::generate(KeyType::ecdsa_p256);
  state.write_atomically(path, view_of(key.to_pem()), {.mode = 0600, .owner = {}, .group = {}});
  return key;
}

}  // namespace

std::vector<federation::JoinIdentity> kept_keys(const Folder& state, const std::string& folder,
                                                const std::vector<std::string>& identities) {
  state.make_folder(folder, {.mode = 0700, .owner = {}, .group = {}});
  state.open_folder("secrets").sync();
  std::vector<federation::JoinIdentity> kept;
  kept.reserve(identities.size());
  for (const std::string& identity : identities) {
    kept.push_back({.identity = identity, .key = kept_or_new_key(state, folder + "/" + identity + ".key")});
  }
  return kept;
}

}  // namespace chancery::manager
