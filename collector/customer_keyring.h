// The Customer Keys that a collector holds: the newest, and the one before it, which a server may still speak by that a
// rotation has not reached yet (appliance/membership/customer_keys.h). customer.key and customer.key.former of its state.
//
//   CustomerKeyring keys(state);
//   send(Admission{keys.proof(asked_for, transcript)});
//   if (!keys.accepts(welcome.proof, transcript)) …
//
// Failure("unknown-customer-key") where a server asks for one that is not held, and those of Folder. Thread safe.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "keystore/files/folder.h"

namespace chancery::collector {

class CustomerKeyring {
 public:
  explicit CustomerKeyring(const Folder& state);

  std::vector<std::string> ids() const;  // newest first
  // By the key of this id; "" is the newest.
  Bytes proof(const std::string& id, const Bytes& transcript) const;
  bool accepts(ByteView proof, const Bytes& transcript) const;
  // Kept before it counts; false where it is the newest already.
  bool take(SecretBytes key);

 private:
  const Folder& state_;
  mutable std::mutex mutex_;
  std::vector<SecretBytes> keys_;  // newest first, at most two
};

}  // namespace chancery::collector
