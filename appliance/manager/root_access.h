// What came with a request so that the root's key can sign: arguments root_key (a file), root_passphrase, root_pin. A
// token's URI is never among them: it is what init was told, as a URI may name a library to load.
#pragma once

#include "appliance/authority/root_key.h"
#include "appliance/manager/call.h"

namespace chancery::manager {

[[nodiscard]] authority::RootAccess root_access(const Call& call);

}  // namespace chancery::manager
