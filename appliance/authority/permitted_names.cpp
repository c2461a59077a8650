#include "appliance/authority/permitted_names.h"

#include <algorithm>
#include <unordered_set>

#include "keystore/openssl/handles.h"
#include "keystore/x509/der.h"

namespace chancery::authority {
namespace {

// The value of the extension, without an object for each of hundreds of names.
ByteView extension_of(const Certificate& issuing) {
  X509* native = issuing.native();
  const int at = X509_get_ext_by_NID(native, NID_name_constraints, -1);
  if (at < 0) return {};
  const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(X509_get_ext(native, at));
  return {ASN1_STRING_get0_data(value), static_cast<std::size_t>(ASN1_STRING_length(value))};
}

// An address and its mask, as an iPAddress constraint holds them.
std::string address_text(ByteView raw) {
  std::string text;
  if (raw.size() == 8) {
    for (std::size_t at = 0; at < 4; ++at) text += (at ? "." : "") + std::to_string(raw[at]);
  } else if (raw.size() == 32) {
    constexpr const char* digits = "0123456789abcdef";
    for (std::size_t at = 0; at < 16; ++at) {
      if (at != 0 && at % 2 == 0) text += ':';
      text += digits[raw[at] >> 4];
      text += digits[raw[at] & 15];
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
  constexpr std::uint8_t permitted = 0xa0, dns = 0x82, uri = 0x86, address = 0x87;
  ByteView value = extension_of(issuing);
  const auto whole = chancery::der::next(value, chancery::der::sequence);
  ByteView lists = whole ? whole->content : ByteView{};
  const auto list = chancery::der::next(lists, permitted);
  ByteView subtrees = list ? list->content : ByteView{};
  NameConstraints found;
  while (const auto subtree = chancery::der::next(subtrees, chancery::der::sequence)) {
    ByteView rest = subtree->content;
    const auto base = chancery::der::next(rest);
    if (!base) continue;
    if (base->tag == dns) found.dns.emplace_back(text_of(base->content));
    if (base->tag == address) found.addresses.push_back(address_text(base->content));
    if (base->tag == uri) found.uri_host = text_of(base->content);
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
