#include "collector/customer_keyring.h"

#include "appliance/membership/customer_keys.h"
#include "appliance/wire/collector_messages.h"
#include "keystore/fault.h"

namespace chancery::collector {

namespace {
constexpr const char* newest_name = "customer.key";
constexpr const char* former_name = "customer.key.former";
constexpr std::size_t key_limit = 4096;
}  // namespace

CustomerKeyring::CustomerKeyring(const Folder& state) : state_(state) {
  keys_.push_back(state_.read_secret(newest_name, key_limit));
  if (state_.status(former_name)) keys_.push_back(state_.read_secret(former_name, key_limit));
}

std::vector<std::string> CustomerKeyring::ids() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> ids;
  for (const SecretBytes& key : keys_) ids.push_back(id_of(key));
  return ids;
}

Bytes CustomerKeyring::proof(const std::string& id, const Bytes& transcript) const {
  const std::lock_guard lock(mutex_);
  for (const SecretBytes& key : keys_) {
    if (id.empty() || id_of(key) == id) return wire::customer_key_proof(key, transcript);
  }
  throw Failure({.code = "unknown-customer-key",
                 .subject = id.substr(0, 16),
                 .cause = "the server asks for a Customer Key that this collector does not hold",
                 .hint = "make its installer anew: chancery collector installer"});
}

bool CustomerKeyring::accepts(ByteView proof, const Bytes& transcript) const {
  const std::lock_guard lock(mutex_);
  bool is_good = false;
  for (const SecretBytes& key : keys_) {
    is_good = secret_equal(proof, wire::customer_key_proof(key, transcript)) || is_good;
  }
  return is_good;
}

bool CustomerKeyring::take(SecretBytes key) {
  const std::lock_guard lock(mutex_);
  if (secret_equal(view_of(key), view_of(keys_.front()))) return false;
  state_.write_atomically(former_name, view_of(keys_.front()), {.mode = 0600});
  state_.write_atomically(newest_name, view_of(key), {.mode = 0600});
  keys_.resize(1);
  keys_.insert(keys_.begin(), std::move(key));
  return true;
}

}  // namespace chancery::collector
