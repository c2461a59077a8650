// What a path inside a generation or a backup set may look like: relative, parts separated by one '/', no "." or "..",
// no control characters or backslashes, valid UTF-8, at most 255 bytes a part, 1,000 bytes and 16 parts in all. Such a
// path, joined to a folder, names something below that folder (links inside the folder aside). Thread safe.
#pragma once

#include <string_view>

namespace chancery::backup {

[[nodiscard]] bool is_plain_path(std::string_view path);

}  // namespace chancery::backup
