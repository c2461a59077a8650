// Whom a collector believes (P19): with a root file only that; with none the operating system's trust store; besides,
// the certificates of the `trusted` list (D3: CAs, or servers' own certificates). Read anew for every connection, so
// that a changed file counts at the next one.
#pragma once

#include <string>
#include <vector>

#include "appliance/settings/program_settings.h"
#include "appliance/tls/client_context.h"

namespace chancery::collector {

struct Trust {
  tls::ClientContext context;
  std::string mode;                // "pinned", "operating-system", "none"
  std::vector<std::string> roots;  // fingerprints of the pinned ones; empty for the operating system's
};

[[nodiscard]] Trust read_trust(const CollectorSettings& settings, const std::string& alpn);

}  // namespace chancery::collector
