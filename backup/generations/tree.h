// Everything below a folder that is not itself a folder, by path; links and devices are listed, never followed.
//
//   for (const auto& [path, status] : list_tree(generation_folder)) …
//
// Bounded: at most 16 levels and 10,000 entries (Failure "too-large"). Thread safe.
#pragma once

#include <map>
#include <string>

#include "keystore/files/folder.h"

namespace chancery::backup {

using Tree = std::map<std::string, FileStatus>;
[[nodiscard]] Tree list_tree(const Folder& folder);

}  // namespace chancery::backup
