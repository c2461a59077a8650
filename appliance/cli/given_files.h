// The files that `cert check` and `cert replace` are given.
//
//   for (SourceFile& file : read_given("/root/delivery")) …            // a folder: every certificate and key file in it
//   add_key_permissions(report, key_paths(files), "postgres");         // T8, into a report's JSON
//
// Content decides, never the extension. In a folder, files without a certificate or key (a README, a CSR) and hidden ones
// are passed over, and folders in it are not entered.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "appliance/preflight/preflight.h"

namespace chancery::cli {

// One file, or those of a folder by name. Failure as read_source, and "empty-input" for a folder that holds nothing of
// use, "too-large" for one with more than 256 files.
[[nodiscard]] std::vector<preflight::SourceFile> read_given(const std::string& path);

// The paths among `files` that are regular files and hold a private key, encrypted ones included.
[[nodiscard]] std::vector<std::string> key_paths(const std::vector<const preflight::SourceFile*>& files);

// Adds "key-permissions" findings to a report of contract.md's shape, and turns "accept" into "warn" by them. `reader` is
// the user that shall read the keys; "": whoever runs this.
void add_key_permissions(nlohmann::json& report, const std::vector<std::string>& paths, const std::string& reader);

}  // namespace chancery::cli
