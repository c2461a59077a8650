// The collector's own key pair (architecture.md, "Collector channel"): made at the first start, kept in its state,
// never sent. Its id is the hex SHA-256 of the public key.
#pragma once

#include <string>

#include "keystore/files/folder.h"
#include "keystore/x509/private_key.h"

namespace chancery::collector {

struct OwnIdentity {
  PrivateKey key;
  std::string id;
};

// Reads collector.key, or makes it (0600) where there is none.
[[nodiscard]] OwnIdentity own_identity(const Folder& state);

}  // namespace chancery::collector
