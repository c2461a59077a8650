// The files of a web app over HTTP, as web/build.mjs puts them into the program, with an ETag; what has its hash in its
// name is compressed where the browser takes gzip, and kept by the browser for good. The Content-Security-Policy allows this
// host's own files and nothing else, no inline script or style, no frame around it.
//
//   for (const Asset& asset : console::assets()) pages::add_asset(routes, asset);
//
// Thread safety: routes are added before the server starts; the files are constants.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "appliance/http/server.h"

namespace chancery::pages {

struct Asset {
  std::string_view path;  // "/", "/app-3F2K.js"
  std::string_view content_type;
  std::string_view etag;  // with its quotes
  std::string_view whole;
  std::string_view gzip;
  bool is_lasting;  // its name changes with its content
};

// Whoever may not look gets the answer of `refusal`; without one the file is public.
using Refusal = std::function<std::optional<http::Answer>(const http::Call& call)>;
void add_asset(http::Routes& routes, const Asset& asset, Refusal refusal = {});

// Headers that every answer beside a web app bears besides those of http/ (exchange.cpp).
[[nodiscard]] http::Answer guarded(http::Answer answer);

}  // namespace chancery::pages
