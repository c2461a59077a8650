#include "appliance/keytool/extensions_given.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <span>

#include "appliance/keytool/certificate_view.h"
#include "appliance/keytool/der_writing.h"
#include "appliance/keytool/java_ways.h"
#include "keystore/openssl/handles.h"
#include "keystore/x509/der.h"

namespace chancery::keytool {
namespace {

using Words = std::span<const std::string_view>;

constexpr std::array<std::string_view, 8> extension_names = {
    "BasicConstraints",      "KeyUsage",          "ExtendedKeyUsage",    "SubjectAlternativeName",
    "IssuerAlternativeName", "SubjectInfoAccess", "AuthorityInfoAccess", "CRLDistributionPoints"};
constexpr std::array<std::string_view, 10> key_usages = {
    "digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment", "keyAgreement",
    "keyCertSign",      "cRLSign",        "encipherOnly",    "decipherOnly",     "contentCommitment"};
constexpr std::array<std::string_view, 7> purposes = {
    "anyExtendedKeyUsage", "serverAuth", "clientAuth", "codeSigning", "emailProtection", "timeStamping", "OCSPSigning"};
constexpr std::array<std::string_view, 7> purpose_oids = {"2.5.29.37.0",       "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2",
                                                          "1.3.6.1.5.5.7.3.3", "1.3.6.1.5.5.7.3.4", "1.3.6.1.5.5.7.3.8",
                                                          "1.3.6.1.5.5.7.3.9"};
constexpr std::array<std::string_view, 4> methods = {"OCSP", "caIssuers", "timeStamping", "caRepository"};
constexpr std::array<std::string_view, 4> method_oids = {"1.3.6.1.5.5.7.48.1", "1.3.6.1.5.5.7.48.2",
                                                         "1.3.6.1.5.5.7.48.3", "1.3.6.1.5.5.7.48.5"};
constexpr std::array<std::string_view, 5> name_kinds = {"EMAIL", "URI", "DNS", "IP", "OID"};
constexpr std::array<std::string_view, 1> critical_word = {"critical"};

// "keyCertSign" -> "kCS".
std::string initials(std::string_view word) {
  std::string out(word.substr(0, 1));
  for (const char c : word.substr(1)) {
    if (c < 'a' || c > 'z') out += c;
  }
  return out;
}

template <typename Match>
int match(std::string_view word, Words words, Match matches) {
  std::vector<std::size_t> found;
  for (std::size_t at = 0; at < words.size(); ++at) {
    if (matches(words[at])) found.push_back(at);
  }
  if (found.empty()) return -1;
  if (found.size() > 1) {
    std::string text = "command " + std::string(word) + " is ambiguous:\n    ";
    for (const std::size_t at : found) text += " " + std::string(words[at]);
    fail_plain(text);
  }
  return static_cast<int>(found.front());
}

// Exact; else the beginning or the initials; else those in any case.
int one_of(std::string_view word, Words words) {
  if (const int at = match(word, words, [word](std::string_view each) { return word == each; }); at >= 0) return at;
  const auto shortened = [word](std::string_view each) { return word == initials(each) || each.starts_with(word); };
  if (const int at = match(word, words, shortened); at >= 0) return at;
  const std::string lower = lower_ascii(word);
  return match(word, words, [&lower](std::string_view each) {
    return lower == lower_ascii(initials(each)) || lower_ascii(each).starts_with(lower);
  });
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) break;
    text.remove_prefix(at + 1);
  }
  return parts;
}

std::optional<int> whole_number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

[[noreturn]] void illegal(const std::string& given) { fail_plain("Illegal value: " + given); }

Bytes checked_oid(std::string_view dotted_oid) {
  if (oid_from_dotted(dotted_oid).empty()) {
    fail_as("java.lang.RuntimeException",
            "java.io.IOException: ObjectIdentifier() -- Invalid format: " + std::string(dotted_oid));
  }
  return der_oid(dotted_oid);
}

Bytes basic_constraints(const std::string& given, std::optional<std::string_view> value) {
  bool is_ca = true;
  std::optional<int> length;
  if (value) {
    length = whole_number(*value);
    if (!length) {
      is_ca = false;
      for (const std::string_view part : split(*value, ',')) {
        const std::vector<std::string_view> pair = split(part, ':');
        if (pair.size() != 2) illegal(given);
        if (equal_ignoring_case(pair[0], "ca")) {
          is_ca = equal_ignoring_case(pair[1], "true");
        } else if (equal_ignoring_case(pair[0], "pathlen")) {
          length = whole_number(pair[1]);
          if (!length) fail_as("java.lang.NumberFormatException", "For input string: \"" + std::string(pair[1]) + "\"");
        } else {
          illegal(given);
        }
      }
    }
  }
  Bytes content;
  if (is_ca) {
    const Bytes flag = der_element(0x01, Bytes{0xff});
    content = flag;
    if (length && *length >= 0) content = der_joined({flag, der_integer(static_cast<std::uint64_t>(*length))});
  }
  return der_sequence({content});
}

Bytes key_usage(const std::string& given, std::optional<std::string_view> value) {
  if (!value) illegal(given);
  unsigned bits = 0;
  for (const std::string_view word : split(*value, ',')) {
    int at = one_of(word, key_usages);
    if (at < 0) fail_plain("Unknown keyUsage type: " + std::string(word));
    if (at == 9) at = 1;
    bits |= 0x8000u >> at;
  }
  Bytes content = {static_cast<std::uint8_t>(bits >> 8), static_cast<std::uint8_t>(bits)};
  if (content.back() == 0) content.pop_back();
  unsigned unused = 0;
  while (unused < 7 && (content.back() & (1u << unused)) == 0) ++unused;
  content.insert(content.begin(), static_cast<std::uint8_t>(unused));
  return der_element(der::bit_string, content);
}

Bytes purposes_der(const std::string& given, std::optional<std::string_view> value) {
  if (!value) illegal(given);
  Bytes content;
  for (const std::string_view word : split(*value, ',')) {
    const int at = one_of(word, purposes);
    const std::string_view oid = at >= 0 ? purpose_oids.at(static_cast<std::size_t>(at)) : word;
    if (oid_from_dotted(oid).empty()) fail_plain("Unknown extendedkeyUsage type: " + std::string(word));
    const Bytes element = der_oid(oid);
    content.insert(content.end(), element.begin(), element.end());
  }
  return der_element(der::sequence, content);
}

Bytes address_bytes(std::string_view text) {
  const std::string address(text);
  std::array<std::uint8_t, 16> bytes{};
  if (::inet_pton(AF_INET, address.c_str(), bytes.data()) == 1) return {bytes.begin(), bytes.begin() + 4};
  if (::inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1) return {bytes.begin(), bytes.end()};
  fail_as("java.lang.RuntimeException", "java.io.IOException: Invalid IP address: " + address);
}

void expect_dns_name(std::string_view name, bool wildcard_allowed) {
  const auto refuse = [name](const std::string& why) {
    fail_as("java.lang.RuntimeException", "java.io.IOException: " + (why.empty() ? std::string(name) : why));
  };
  if (name.empty()) refuse("DNSName must not be null or empty");
  if (name.find(' ') != std::string_view::npos) refuse("DNSName with blank components is not permitted");
  if (name.front() == '.' || name.back() == '.') refuse("DNSName may not begin or end with a .");
  std::string_view rest = name;
  if (wildcard_allowed && rest.starts_with("*.")) rest.remove_prefix(2);
  for (const std::string_view label : split(rest, '.')) {
    if (label.empty()) refuse("DNSName with empty components are not permitted");
    for (const char c : label) {
      const bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
      if (!fine) refuse("DNSName components must consist of letters, digits, and hyphens");
    }
  }
}

Bytes general_name(std::string_view kind, std::string_view value, bool wildcard_allowed) {
  const int at = one_of(kind, name_kinds);
  switch (at) {
    case 0:
      return der_element(0x81, view_of(value));
    case 1:
      return der_element(0x86, view_of(value));
    case 2:
      expect_dns_name(value, wildcard_allowed);
      return der_element(0x82, view_of(value));
    case 3:
      return der_element(0x87, address_bytes(value));
    case 4:
      (void)checked_oid(value);
      return der_element(0x88, oid_from_dotted(value));
    default:
      fail_plain("Unrecognized GeneralName type: " + std::string(kind));
  }
}

Bytes general_names(const std::string& given, std::optional<std::string_view> value, bool wildcard_allowed) {
  if (!value) illegal(given);
  Bytes content;
  for (const std::string_view item : split(*value, ',')) {
    const std::size_t colon = item.find(':');
    if (colon == std::string_view::npos) fail_plain("Illegal item " + std::string(item) + " in " + given);
    const Bytes name = general_name(item.substr(0, colon), item.substr(colon + 1), wildcard_allowed);
    content.insert(content.end(), name.begin(), name.end());
  }
  return content;
}

Bytes access_descriptions(const std::string& given, bool critical, std::optional<std::string_view> value) {
  if (critical) fail_plain("This extension cannot be marked as critical. " + given);
  if (!value) illegal(given);
  Bytes content;
  for (const std::string_view item : split(*value, ',')) {
    const std::size_t first = item.find(':');
    const std::size_t second = first == std::string_view::npos ? first : item.find(':', first + 1);
    if (second == std::string_view::npos) illegal(given);
    const std::string_view method = item.substr(0, first);
    const int at = one_of(method, methods);
    const std::string_view oid = at >= 0 ? method_oids.at(static_cast<std::size_t>(at)) : method;
    if (oid_from_dotted(oid).empty()) fail_plain("Unknown AccessDescription type: " + std::string(method));
    const Bytes one = der_sequence(
        {der_oid(oid), general_name(item.substr(first + 1, second - first - 1), item.substr(second + 1), false)});
    content.insert(content.end(), one.begin(), one.end());
  }
  return der_element(der::sequence, content);
}

Bytes hex_bytes(const std::string& given, std::optional<std::string_view> value) {
  Bytes out;
  unsigned pending = 0;
  std::size_t digits = 0;
  for (const char c : value.value_or("")) {
    const char lower = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
    int digit = -1;
    if (lower >= '0' && lower <= '9') digit = lower - '0';
    if (lower >= 'a' && lower <= 'f') digit = lower - 'a' + 10;
    if (digit < 0) continue;
    pending = pending << 4 | static_cast<unsigned>(digit);
    if (++digits % 2 == 0) out.push_back(static_cast<std::uint8_t>(pending));
  }
  if (digits % 2 != 0) fail_plain("Odd number of hex digits found: " + given);
  return out;
}

struct Made {
  std::string oid;
  bool critical = false;
  Bytes value;
};

Made made_from(const std::string& given) {
  const std::string_view text = given;
  const std::size_t equals = text.find('=');
  std::string_view name = text.substr(0, equals);
  std::optional<std::string_view> value;
  if (equals != std::string_view::npos) value = text.substr(equals + 1);
  bool critical = false;
  if (const std::size_t colon = name.find(':'); colon != std::string_view::npos) {
    critical = one_of(name.substr(colon + 1), critical_word) == 0;
    name = name.substr(0, colon);
  }
  switch (one_of(name, extension_names)) {
    case 0:
      return {"2.5.29.19", critical, basic_constraints(given, value)};
    case 1:
      return {"2.5.29.15", critical, key_usage(given, value)};
    case 2:
      return {"2.5.29.37", critical, purposes_der(given, value)};
    case 3:
      return {"2.5.29.17", critical, der_element(der::sequence, general_names(given, value, true))};
    case 4:
      return {"2.5.29.18", critical, der_element(der::sequence, general_names(given, value, false))};
    case 5:
      return {"1.3.6.1.5.5.7.1.11", false, access_descriptions(given, critical, value)};
    case 6:
      return {"1.3.6.1.5.5.7.1.1", false, access_descriptions(given, critical, value)};
    case 7: {
      const Bytes names = der_element(0xa0, general_names(given, value, false));
      return {"2.5.29.31", critical, der_sequence({der_sequence({der_element(0xa0, names)})})};
    }
    default:
      (void)checked_oid(name);
      return {std::string(name), critical, hex_bytes(given, value)};
  }
}

}  // namespace

Bytes key_identifier(ByteView key_info) {
  const auto key = view_key(key_info);
  std::array<std::uint8_t, 20> digest{};
  unsigned size = 0;
  if (!key || EVP_Digest(key->bits.data(), key->bits.size(), digest.data(), &size, EVP_sha1(), nullptr) != 1) {
    throw ossl::openssl_failure("crypto-failed", "SHA-1",
                                "this machine's OpenSSL refuses SHA-1: allow it in openssl.cnf");
  }
  return {digest.begin(), digest.end()};
}

Bytes extensions_der(const ExtensionRequest& request) {
  std::map<std::string, Made> all;
  all["2.5.29.14"] = {"2.5.29.14", false, der_element(der::octet_string, key_identifier(request.key_info))};
  if (!request.issuer_key_id.empty()) {
    all["2.5.29.35"] = {"2.5.29.35", false, der_sequence({der_element(0x80, request.issuer_key_id)})};
  }
  for (const std::string& given : request.given) {
    if (lower_ascii(given).starts_with("honored")) continue;
    Made made = made_from(given);
    const std::string oid = made.oid;
    all[oid] = std::move(made);
  }
  Bytes content;
  for (const auto& [oid, made] : all) {
    const Bytes critical = made.critical ? der_element(0x01, Bytes{0xff}) : Bytes{};
    const Bytes one = der_sequence({der_oid(oid), critical, der_element(der::octet_string, made.value)});
    content.insert(content.end(), one.begin(), one.end());
  }
  return der_element(der::sequence, content);
}

}  // namespace chancery::keytool
