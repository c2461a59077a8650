// Times as people say them: "in 23 days", "3 hours ago". Thread safety: pure functions.
#pragma once

#include <string>

#include "appliance/cli/text.h"
#include "keystore/x509/instant.h"

namespace chancery::cli {

[[nodiscard]] std::string relative(Instant instant, Instant now);
// From RFC 3339 as JSON replies have it; "" stays "". What cannot be read is returned as it is.
[[nodiscard]] std::string relative(const std::string& rfc3339, Instant now);
// The end of a certificate: red when over, yellow within 30 days.
[[nodiscard]] Text ending(const std::string& rfc3339, Instant now);
// "2026-12-14 10:15 UTC (in 23 days)"
[[nodiscard]] std::string dated(const std::string& rfc3339, Instant now);

}  // namespace chancery::cli
