#include "keystore/x509/names.h"

#include <arpa/inet.h>
#include <idn2.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "keystore/fault.h"
#include "keystore/x509/printable.h"

namespace chancery {
namespace {

constexpr std::size_t longest_host = 253;
constexpr std::size_t longest_uri = 2048;
constexpr std::size_t longest_label = 63;

bool is_digit(char unit) { return unit >= '0' && unit <= '9'; }
bool is_letter(char unit) { return (unit >= 'a' && unit <= 'z') || (unit >= 'A' && unit <= 'Z'); }
char lower(char unit) { return unit >= 'A' && unit <= 'Z' ? static_cast<char>(unit + ('a' - 'A')) : unit; }
bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char unit) { return static_cast<unsigned char>(unit) < 0x80; });
}

// The literal in its shortest usual form; nullopt when it is no IP address.
std::optional<std::string> ip_text(std::string_view text) {
  if (text.size() >= 2 && text.front() == '[' && text.back() == ']') {
    text = text.substr(1, text.size() - 2);
    if (text.find(':') == std::string_view::npos) return std::nullopt;
  }
  if (text.size() >= INET6_ADDRSTRLEN) return std::nullopt;
  const std::string literal(text);
  unsigned char address[16];
  char out[INET6_ADDRSTRLEN];
  for (const int family : {AF_INET, AF_INET6}) {
    if (::inet_pton(family, literal.c_str(), address) != 1) continue;
    return ::inet_ntop(family, address, out, sizeof out) == nullptr ? std::nullopt : std::optional<std::string>(out);
  }
  return std::nullopt;
}

// A name in another script as A-labels, anything else in lower case; nullopt when IDNA 2008 does not know it.
std::optional<std::string> ascii_form(std::string_view text) {
  if (is_ascii(text)) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), lower);
    return out;
  }
  char* converted = nullptr;
  const std::string input(text);
  const int result = idn2_to_ascii_8z(input.c_str(), &converted, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  const std::unique_ptr<char, void (*)(void*)> owner(converted, idn2_free);
  if (result != IDN2_OK) return std::nullopt;
  return std::string(converted);
}

// What is wrong with an ASCII host name (RFC 1123), or nullptr.
const char* host_fault(std::string_view host) {
  if (host.empty()) return "a name is empty";
  if (host.size() > longest_host) return "a name is longer than 253 bytes";
  std::string_view rest = host;
  for (;;) {
    const std::size_t dot = rest.find('.');
    const std::string_view label = rest.substr(0, dot);
    if (label.empty()) return "a label of the name is empty";
    if (label.size() > longest_label) return "a label of the name is longer than 63 bytes";
    if (label.front() == '-' || label.back() == '-') return "a label of the name begins or ends with a hyphen";
    for (const char unit : label) {
      if (!is_letter(unit) && !is_digit(unit) && unit != '-' && unit != '_') {
        return "a name has a character that host names cannot have";
      }
    }
    if (dot == std::string_view::npos) {
      // Such a name would be taken for an IPv4 address by resolvers and browsers.
      if (std::all_of(label.begin(), label.end(), is_digit)) return "it looks like an IP address, but is none";
      return nullptr;
    }
    rest.remove_prefix(dot + 1);
  }
}

Failure bad_name(std::string_view text, const char* cause) {
  return Failure({.code = "bad-name",
                  .subject = printable(view_of(text.substr(0, 300))),
                  .cause = cause,
                  .hint = "write a host name (portal.example.com or *.example.com), an IP address, a URI or a mail "
                          "address"});
}

std::string checked_host(std::string_view text, std::string_view whole) {
  if (text.ends_with('.')) text.remove_suffix(1);
  const auto host = ascii_form(text);
  if (!host) throw bad_name(whole, "a name in another script cannot be written as a host name (IDNA 2008)");
  if (const char* fault = host_fault(*host)) throw bad_name(whole, fault);
  return *host;
}

AlternativeName parse_uri(std::string_view text, std::size_t scheme_size) {
  if (text.size() > longest_uri) throw bad_name(text, "a URI is longer than 2048 bytes");
  const std::string_view scheme = text.substr(0, scheme_size);
  const bool fine =
      !scheme.empty() && is_letter(scheme.front()) && std::all_of(scheme.begin(), scheme.end(), [](char unit) {
        return is_letter(unit) || is_digit(unit) || unit == '+' || unit == '-' || unit == '.';
      });
  if (!fine) throw bad_name(text, "the scheme of a URI is not one");
  if (!is_ascii(text)) throw bad_name(text, "a URI has characters that are not ASCII");
  if (text.size() == scheme_size + 3) throw bad_name(text, "a URI says nothing after its scheme");
  return {AlternativeName::Kind::uri, std::string(text)};
}

AlternativeName parse_email(std::string_view text, std::size_t at) {
  const std::string_view local = text.substr(0, at);
  if (local.empty() || local.size() > 64) throw bad_name(text, "the part before @ is empty or too long");
  if (local.find('@') != std::string_view::npos) throw bad_name(text, "a mail address has two @");
  if (!is_ascii(local)) throw bad_name(text, "the part before @ is not ASCII");
  return {AlternativeName::Kind::email, std::string(local) + "@" + checked_host(text.substr(at + 1), text)};
}

}  // namespace

std::string to_text(const AlternativeName& name) {
  switch (name.kind) {
    case AlternativeName::Kind::dns:
      return "DNS:" + name.value;
    case AlternativeName::Kind::ip:
      return "IP:" + name.value;
    case AlternativeName::Kind::uri:
      return "URI:" + name.value;
    case AlternativeName::Kind::email:
      return "email:" + name.value;
    case AlternativeName::Kind::directory:
      return "DirName:" + name.value;
    case AlternativeName::Kind::other:
      break;
  }
  return "other:" + name.value;
}

AlternativeName parse_name(std::string_view text) {
  if (text.empty()) throw bad_name(text, "a name is empty");
  for (const char unit : text) {
    const auto byte = static_cast<unsigned char>(unit);
    if (byte <= 0x20 || byte == 0x7f) throw bad_name(text, "a name has a space or control character");
  }
  if (const std::size_t scheme = text.find("://"); scheme != std::string_view::npos) return parse_uri(text, scheme);
  if (text.size() > 2 * longest_host) throw bad_name(text, "a name is longer than 253 bytes");
  if (const auto address = ip_text(text)) return {AlternativeName::Kind::ip, *address};
  if (const std::size_t at = text.rfind('@'); at != std::string_view::npos) return parse_email(text, at);
  if (!text.starts_with("*.")) return {AlternativeName::Kind::dns, checked_host(text, text)};
  const std::string host = "*." + checked_host(text.substr(2), text);
  if (host.size() > longest_host) throw bad_name(text, "a name is longer than 253 bytes");
  return {AlternativeName::Kind::dns, host};
}

bool answers_to(const std::vector<AlternativeName>& names, std::string_view host) {
  if (const auto address = ip_text(host)) {
    return std::any_of(names.begin(), names.end(), [&](const AlternativeName& name) {
      return name.kind == AlternativeName::Kind::ip && name.value == *address;
    });
  }
  if (host.ends_with('.')) host.remove_suffix(1);
  if (host.size() > 2 * longest_host || host.find('\0') != std::string_view::npos) return false;
  const auto wanted = ascii_form(host);
  if (!wanted || host_fault(*wanted) != nullptr) return false;
  return std::any_of(names.begin(), names.end(), [&](const AlternativeName& name) {
    if (name.kind != AlternativeName::Kind::dns || !is_ascii(name.value)) return false;
    std::string entry(name.value);
    std::transform(entry.begin(), entry.end(), entry.begin(), lower);
    if (!entry.starts_with("*.")) return entry == *wanted;
    const std::string_view parent = std::string_view(entry).substr(2);
    if (parent.find('.') == std::string_view::npos || host_fault(parent) != nullptr) return false;
    const std::size_t dot = wanted->find('.');
    return dot != std::string::npos && std::string_view(*wanted).substr(dot + 1) == parent;
  });
}

}  // namespace chancery
