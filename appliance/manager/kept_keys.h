// Keys that wait on disk for their certificates: a secondary's, while it asks its primary's authority to join or to
// renew.
//
// They are written before the authority is asked, because it answers one set of keys only: a retry after a crash must
// ask with the same ones to be given the same certificates. The caller removes the folder once the change is committed.
// Each key is secrets/<folder>/<identity>.key, PKCS#8 PEM, mode 0600, in a folder of mode 0700.
//
// Failure codes: those of Folder (permission-denied, io-error, no-space, …). Thread safety: under the writer's lock.
#pragma once

#include <string>
#include <vector>

#include "appliance/federation/join.h"
#include "keystore/files/folder.h"

namespace chancery::manager {

inline constexpr const char* join_keys_folder = "secrets/join";
inline constexpr const char* renewal_keys_folder = "secrets/renew";

// One ECDSA P-256 key for each identity, in this order: the one that waits already, or a new one. A damaged key was
// never asked for with success, so a new one takes its place.
[[nodiscard]] std::vector<federation::JoinIdentity> kept_keys(const Folder& state, const std::string& folder,
                                                              const std::vector<std::string>& identities);

}  // namespace chancery::manager
