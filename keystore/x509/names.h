// Names in certificates: SAN entries and how a host name is compared with them (RFC 6125, RFC 9525).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace chancery {

struct AlternativeName {
  enum class Kind { dns, ip, uri, email, directory, other } kind;
  std::string value;  // as people write it: "portal.example.com", "192.0.2.1", "2001:db8::1"; control bytes as \xNN
  friend bool operator==(const AlternativeName&, const AlternativeName&) = default;
};

// "DNS:portal.example.com", "IP:192.0.2.1", "URI:…"; what JSON's "sans" and tables show is the bare value.
[[nodiscard]] std::string to_text(const AlternativeName& name);

// From a command line: an IP literal becomes an ip, "scheme:…" with :// a uri, something with @ an email, else a dns
// name. Anything that cannot stand in a certificate is Failure("bad-name") (spaces, NUL, control characters, over 253
// bytes, empty labels). A wildcard is allowed only as the whole leftmost label. Names in other scripts become A-labels.
[[nodiscard]] AlternativeName parse_name(std::string_view text);

// Does a certificate with these SANs answer to `host`? Case-insensitive, wildcard only for a whole leftmost label with
// at least two labels after it, an IP only by an ip entry. The CN is never looked at.
[[nodiscard]] bool answers_to(const std::vector<AlternativeName>& names, std::string_view host);

}  // namespace chancery
