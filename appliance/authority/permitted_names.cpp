#include "appliance/authority/permitted_names.h"

#include <algorithm>
#include <unordered_set>

#include "keystore/openssl/handles.h"

namespace chancery::authority {
namespace {

using ConstraintsPtr = std::unique_ptr<NAME_CONSTRAINTS, ossl::Deleter<NAME_CONSTRAINTS_free>>;

std::string text_of_string(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

// An address and its mask, as an iPAddress constraint holds them.
std::string address_text(const ASN1_STRING* octets) {
  const std::string raw = text_of_string(octets);
  std::string text;
  if (raw.size() == 8) {
    for (std::size_t at = 0; at < 4; ++at)
      text += (at ? "." : "") + std::to_string(static_cast<unsigned char>(raw[at]));
  } else if (raw.size() == 32) {
    constexpr const char* digits = "0123456789abcdef";
    for (std::size_t at = 0; at < 16; ++at) {
      if (at != 0 && at % 2 == 0) text += ':';
      text += digits[static_cast<unsigned char>(raw[at]) >> 4];
      text += digits[static_cast<unsigned char>(raw[at]) & 15];
    }
  }
  return text.empty() ? text : parse_name(text).value;
}

// A federation has hundreds of names: none is compared with all of them.
using Names = std::unordered_set<std::string>;

Names all_of(const std::vector<std::string>& names) { return {names.begin(), names.end()}; }

bool is_below_one_of(const Names& bases, const std::string& name) {
  for (std::size_t start = 0;;) {
    if (bases.contains(name.substr(start))) return true;
    const std::size_t dot = name.find('.', start);
    if (dot == std::string::npos) return false;
    start = dot + 1;
  }
}

}  // namespace

std::vector<AlternativeName> exact_names(const std::vector<std::string>& names) {
  std::vector<AlternativeName> exact;
  Names dns, addresses;
  for (const std::string& text : names) {
    const AlternativeName name = parse_name(text);
    const bool usable = (name.kind == AlternativeName::Kind::dns && !name.value.starts_with("*")) ||
                        name.kind == AlternativeName::Kind::ip;
    if (!usable) {
      throw Failure({.code = "bad-name",
                     .subject = to_text(name),
                     .cause = "the federation's own certificates hold exact DNS names and IP addresses only",
                     .hint = "give every name by itself, such as engine.example.com or 192.0.2.1"});
    }
    if ((name.kind == AlternativeName::Kind::ip ? addresses : dns).insert(name.value).second) exact.push_back(name);
  }
  return exact;
}

NameConstraints constraints_of(const Certificate& issuing) {
  const ConstraintsPtr native(
      static_cast<NAME_CONSTRAINTS*>(X509_get_ext_d2i(issuing.native(), NID_name_constraints, nullptr, nullptr)));
  NameConstraints found;
  for (int at = 0; native && at < sk_GENERAL_SUBTREE_num(native->permittedSubtrees); ++at) {
    const GENERAL_NAME* base = sk_GENERAL_SUBTREE_value(native->permittedSubtrees, at)->base;
    if (base->type == GEN_DNS) found.dns.push_back(text_of_string(base->d.dNSName));
    if (base->type == GEN_IPADD) found.addresses.push_back(address_text(base->d.iPAddress));
    if (base->type == GEN_URI) found.uri_host = text_of_string(base->d.uniformResourceIdentifier);
  }
  return found;
}

bool is_permitted(const NameConstraints& constraints, const AlternativeName& name) {
  if (name.kind == AlternativeName::Kind::ip) {
    return std::find(constraints.addresses.begin(), constraints.addresses.end(), name.value) !=
           constraints.addresses.end();
  }
  return std::any_of(constraints.dns.begin(), constraints.dns.end(),
                     [&](const std::string& base) { return name.value == base || name.value.ends_with("." + base); });
}

bool widen(NameConstraints& constraints, const std::vector<AlternativeName>& names) {
  Names dns = all_of(constraints.dns), addresses = all_of(constraints.addresses);
  bool widened = false;
  for (const AlternativeName& name : names) {
    const bool is_address = name.kind == AlternativeName::Kind::ip;
    if (is_address ? addresses.contains(name.value) : is_below_one_of(dns, name.value)) continue;
    (is_address ? constraints.addresses : constraints.dns).push_back(name.value);
    (is_address ? addresses : dns).insert(name.value);
    widened = true;
  }
  return widened;
}

}  // namespace chancery::authority
