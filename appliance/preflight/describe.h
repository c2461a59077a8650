// Certificates in words, for messages and hints: short names, dates, issuer URLs. Everything returned is safe to print.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "keystore/x509/certificate.h"

namespace chancery::preflight {

// "CN=portal.example.com", or the whole subject where there is no CN, or the fingerprint where there is no subject.
[[nodiscard]] std::string short_name(const Certificate& certificate);
// The first 16 hex digits of the fingerprint.
[[nodiscard]] std::string short_fingerprint(const Certificate& certificate);
// "1 day", "17 days"; of the whole days in the duration.
[[nodiscard]] std::string days_text(std::chrono::seconds duration);
// Control and non-ASCII bytes as \xNN, cut at 400 bytes: for text that comes out of extensions.
[[nodiscard]] std::string printable(std::string_view text);
// "DNS:a, IP:192.0.2.1", at most 12 of them and then how many more.
[[nodiscard]] std::string names_text(const std::vector<AlternativeName>& names);
// "a", "a and b", "a, b and c"
[[nodiscard]] std::string joined(const std::vector<std::string>& words);
// http URLs of the issuer's certificate in the Authority Information Access extension.
[[nodiscard]] std::vector<std::string> issuer_urls(const Certificate& certificate);

}  // namespace chancery::preflight
