// The web app as it is built from web/ (web/build.mjs): each file whole and as gzip, inside the program.
#pragma once

#include <span>
#include <string_view>

namespace chancery::console {

struct Asset {
  std::string_view path;  // "/", "/app-3F2K.js"
  std::string_view content_type;
  std::string_view etag;  // with its quotes
  std::string_view whole;
  std::string_view gzip;
  bool is_lasting;  // its name changes with its content
};
[[nodiscard]] std::span<const Asset> assets();

}  // namespace chancery::console
