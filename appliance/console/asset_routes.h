// The web app's files over HTTP: public, for there is nothing of the appliance in them. Compressed where the browser takes
// gzip, with an ETag; what has its hash in its name is kept by the browser for good. The Content-Security-Policy allows
// this host's own files and nothing else, no inline script or style, no frame around it.
#pragma once

#include "appliance/http/server.h"

namespace chancery::console {

void add_assets(http::Routes& routes);

// Headers that every answer of the console bears besides those of http/ (exchange.cpp).
[[nodiscard]] http::Answer guarded(http::Answer answer);

}  // namespace chancery::console
