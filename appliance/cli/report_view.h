// A preflight report for people: the verdict first, then every finding with its way out, then the chain as a client
// would build it.
//
//   REFUSED: 2 errors, 1 warning
//
//   error    key-mismatch  portal.key
//            this key does not belong to portal.crt
//            hint: give the key that the CSR was made with
//
//   chain    CN=portal.example.com  (in 396 days)
//            └─ CN=Example Issuing CA  (in 9 years)
//               └─ CN=Example Root  (in 19 years, self-signed)
//
// Works on the report's JSON shape (contract.md), so that it looks the same from the manager and from this process.
// Thread safety: none needed.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "appliance/cli/text.h"
#include "keystore/x509/instant.h"

namespace chancery::cli {

[[nodiscard]] Text verdict_line(const nlohmann::json& report);  // "REFUSED: 2 errors, 1 warning"
[[nodiscard]] std::vector<Text> finding_lines(const nlohmann::json& report, std::size_t width);
[[nodiscard]] std::vector<Text> chain_lines(const nlohmann::json& chain, Instant now, std::size_t width);

// The first error among the findings; null when there is none.
[[nodiscard]] nlohmann::json first_error(const nlohmann::json& report);

// "CN=portal", or the first SAN, or the serial: how a certificate is called in one line.
[[nodiscard]] std::string called(const nlohmann::json& certificate);

}  // namespace chancery::cli
