// `chancery backup …` for sets of keystores (backup/sets/store_sets.h): with or without an appliance, for any user.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "appliance/cli/session.h"

namespace chancery::cli {

// In the shape of `backup list`, newest first.
[[nodiscard]] nlohmann::json store_sets_json(Session& session);
// For an id that is a keystore's.
int show_store_set(Session& session, const std::string& id);
int verify_store_set(Session& session, const std::string& id);
// Back to where it lay, in place of whatever lies there now; that goes into a set first.
int restore_store_set(Session& session, const std::string& id);

// The set as a file of its own; {"id", "bytes", "encrypted"} goes into `reply`.
[[nodiscard]] SecretBytes export_store_set(Session& session, const std::string& id, const SecretBytes* passphrase,
                                           nlohmann::json& reply);
// nullopt: the file is no set of a keystore. With --dry-run {"outcome": "planned", …}.
[[nodiscard]] std::optional<nlohmann::json> import_store_set(Session& session, const SecretBytes& file,
                                                             const std::optional<SecretBytes>& passphrase);
// Removes (--dry-run: names) what is older than the newest `keep` sets of each keystore.
[[nodiscard]] std::vector<std::string> prune_store_sets(Session& session, std::size_t keep);

}  // namespace chancery::cli
