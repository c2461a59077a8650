#include <algorithm>
#include <array>
#include <string_view>

#include "appliance/preflight/rules.h"
#include "keystore/x509/der.h"

namespace chancery::preflight {

namespace {

constexpr std::uint8_t boolean = 0x01, printable_string = 0x13, ia5_string = 0x16, generalized_time = 0x18;
constexpr std::uint8_t issuer_id = 0x81, subject_id = 0x82, extensions_tag = 0xa3, constructed = 0x20;
constexpr std::uint8_t permitted_subtrees = 0xa0, excluded_subtrees = 0xa1, ip_address = 0x87;
constexpr int deepest = 24;
constexpr std::size_t longest_serial = 20;  // octets, RFC 5280, 4.1.2.2

constexpr auto basic_constraints = std::to_array<std::uint8_t>({0x55, 0x1d, 0x13});
constexpr auto alternative_names = std::to_array<std::uint8_t>({0x55, 0x1d, 0x11});
constexpr auto name_constraints = std::to_array<std::uint8_t>({0x55, 0x1d, 0x1e});
// id-ecPublicKey's signatures (ANSI X9.62) and RFC 8410's: their AlgorithmIdentifier has no parameters.
constexpr auto ecdsa = std::to_array<std::uint8_t>({0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04});
constexpr auto edwards = std::to_array<std::uint8_t>({0x2b, 0x65});

bool begins_with(ByteView bytes, ByteView start) {
  return bytes.size() >= start.size() && std::equal(start.begin(), start.end(), bytes.begin());
}

bool is(ByteView oid, ByteView wanted) { return oid.size() == wanted.size() && begins_with(oid, wanted); }

// Every element below, as deep as it can be followed.
template <typename Visit>
void each_element(ByteView bytes, const Visit& visit, int depth = 0) {
  while (!bytes.empty()) {
    const auto element = der::next(bytes);
    if (!element) return;
    visit(*element);
    if ((element->tag & constructed) != 0 && depth < deepest) each_element(element->content, visit, depth + 1);
  }
}

// What Go takes for a PrintableString: the standard's letters, and "*" and "&", which many CAs have put into one.
bool is_printable(ByteView text) {
  return std::all_of(text.begin(), text.end(), [](std::uint8_t byte) {
    const char c = static_cast<char>(byte);
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view(" '()+,-./:=?*&").find(c) != std::string_view::npos;
  });
}

bool is_ascii(ByteView text) {
  return std::all_of(text.begin(), text.end(), [](std::uint8_t byte) { return byte < 0x80; });
}

bool has_contiguous_mask(ByteView address) {
  const ByteView mask = address.subspan(address.size() / 2);
  bool ended = false;
  for (const std::uint8_t byte : mask) {
    for (unsigned bit = 0x80; bit != 0; bit >>= 1U) {
      const bool set = (byte & bit) != 0;
      if (set && ended) return false;
      ended = ended || !set;
    }
  }
  return true;
}

struct Extension {
  ByteView oid;
  bool states_default = false;  // critical FALSE, written out
  ByteView value;
};

// The parts of a certificate that the rules below look at; empty where it is not followed so far.
struct Parts {
  ByteView serial, algorithm, issuer, validity, subject, key, outer_algorithm, signature;
  bool has_unique_ids = false;
  std::vector<Extension> extensions;
};

std::vector<Extension> extensions_in(ByteView list) {
  std::vector<Extension> found;
  auto sequence = der::next(list, der::sequence);
  if (!sequence) return found;
  ByteView rest = sequence->content;
  while (auto each = der::next(rest, der::sequence)) {
    ByteView fields = each->content;
    Extension extension;
    const auto oid = der::next(fields, der::object_identifier);
    if (!oid) continue;
    extension.oid = oid->content;
    if (const auto critical = der::next(fields, boolean)) {
      extension.states_default = critical->content.size() == 1 && critical->content[0] == 0;
    }
    if (const auto value = der::next(fields, der::octet_string)) extension.value = value->content;
    found.push_back(extension);
  }
  return found;
}

Parts parts_of(ByteView certificate) {
  Parts parts;
  const auto whole = der::next(certificate, der::sequence);
  if (!whole) return parts;
  ByteView outside = whole->content;
  const auto signed_part = der::next(outside, der::sequence);
  if (!signed_part) return parts;
  if (const auto algorithm = der::next(outside, der::sequence)) parts.outer_algorithm = algorithm->content;
  if (const auto signature = der::next(outside, der::bit_string)) parts.signature = signature->content;
  ByteView inside = signed_part->content;
  (void)der::next(inside, der::context_0);  // the version, if it is not the first
  if (const auto serial = der::next(inside, der::integer)) parts.serial = serial->content;
  for (ByteView* part : {&parts.algorithm, &parts.issuer, &parts.validity, &parts.subject, &parts.key}) {
    if (const auto field = der::next(inside, der::sequence)) *part = field->content;
  }
  while (const auto field = der::next(inside)) {
    if (field->tag == issuer_id || field->tag == subject_id) parts.has_unique_ids = true;
    if (field->tag == extensions_tag) parts.extensions = extensions_in(field->content);
  }
  return parts;
}

bool has_bad_boolean(ByteView bytes) {
  bool bad = false;
  each_element(bytes, [&bad](const der::Element& element) {
    if (element.tag != boolean) return;
    bad = bad || element.content.size() != 1 || (element.content[0] != 0 && element.content[0] != 0xff);
  });
  return bad;
}

// UTF8Strings that are none OpenSSL refuses by itself.
void judge_texts(ByteView name, const std::string& whose, std::vector<std::string>& found) {
  each_element(name, [&](const der::Element& element) {
    const bool wrong = (element.tag == printable_string && !is_printable(element.content)) ||
                       (element.tag == ia5_string && !is_ascii(element.content));
    const std::string fault = whose + " has a text with characters that its string type cannot hold";
    if (wrong && std::find(found.begin(), found.end(), fault) == found.end()) found.push_back(fault);
  });
}

void judge_algorithm(ByteView algorithm, std::vector<std::string>& found) {
  const auto oid = der::next(algorithm, der::object_identifier);
  if (!oid || algorithm.empty()) return;
  if (!begins_with(oid->content, ecdsa) && !begins_with(oid->content, edwards)) return;
  const std::string fault = "its signature algorithm has parameters, which it must not have";
  if (std::find(found.begin(), found.end(), fault) == found.end()) found.push_back(fault);
}

void judge_serial_form(ByteView serial, std::vector<std::string>& found) {
  if (serial.empty()) return;
  if (serial[0] >= 0x80) {
    found.push_back("its serial number is negative");
  } else if (serial.size() > longest_serial) {
    found.push_back("its serial number has more than 20 octets");
  }
}

void judge_addresses(ByteView names, std::vector<std::string>& found) {
  const auto list = der::next(names, der::sequence);
  ByteView rest = list ? list->content : ByteView();
  while (const auto name = der::next(rest)) {
    if (name->tag != ip_address || name->content.size() == 4 || name->content.size() == 16) continue;
    found.push_back("its SAN holds an address of " + std::to_string(name->content.size()) + " bytes");
  }
}

void judge_constraints(ByteView value, bool is_ca, std::vector<std::string>& found) {
  if (!is_ca) found.push_back("it is no CA, but has name constraints");
  const auto list = der::next(value, der::sequence);
  if (!list) return;
  if (list->content.empty()) found.push_back("its name constraints are empty");
  ByteView rest = list->content;
  while (const auto subtrees = der::next(rest)) {
    if (subtrees->tag != permitted_subtrees && subtrees->tag != excluded_subtrees) continue;
    ByteView each = subtrees->content;
    while (const auto subtree = der::next(each, der::sequence)) {
      ByteView fields = subtree->content;
      const auto base = der::next(fields);
      if (!base || base->tag != ip_address) continue;
      const bool sized = base->content.size() == 8 || base->content.size() == 32;
      if (!sized || !has_contiguous_mask(base->content)) {
        found.push_back("its name constraints hold an address range that is none");
        return;
      }
    }
  }
}

}  // namespace

std::vector<std::string> encoding_faults(const Certificate& certificate) {
  std::vector<std::string> found;
  const Parts parts = parts_of(certificate.der());
  if (certificate.version() > 3) found.push_back("it is of version " + std::to_string(certificate.version()));
  judge_serial_form(parts.serial, found);
  judge_algorithm(parts.algorithm, found);
  judge_algorithm(parts.outer_algorithm, found);
  judge_texts(parts.issuer, "its issuer", found);
  judge_texts(parts.subject, "its subject", found);
  ByteView key = parts.key;
  (void)der::next(key, der::sequence);
  const auto point = der::next(key, der::bit_string);
  const bool loose_key = point && !point->content.empty() && point->content[0] != 0;
  if (loose_key || (!parts.signature.empty() && parts.signature[0] != 0)) {
    found.push_back("its key or signature is not a whole number of bytes");
  }
  bool bad_boolean = has_bad_boolean(certificate.der()), states_default = false;
  for (const Extension& extension : parts.extensions) {
    states_default = states_default || extension.states_default;
    bad_boolean = bad_boolean || has_bad_boolean(extension.value);
    if (is(extension.oid, alternative_names)) judge_addresses(extension.value, found);
    if (is(extension.oid, name_constraints)) judge_constraints(extension.value, certificate.is_ca(), found);
  }
  if (bad_boolean) found.push_back("a truth value in it is neither 00 nor FF");
  if (states_default) found.push_back("an extension says that it is not critical, where DER leaves that out");
  return found;
}

std::vector<std::string> strict_remarks(const Certificate& certificate) {
  std::vector<std::string> found;
  const Parts parts = parts_of(certificate.der());
  if (parts.has_unique_ids) found.emplace_back("it has unique identifiers");
  ByteView dates = parts.validity;
  while (const auto date = der::next(dates)) {
    if (date->tag != generalized_time || date->content.size() < 4 || text_of(date->content.first(4)) >= "2050")
      continue;
    found.emplace_back("a date before 2050 is written as GeneralizedTime");
    break;
  }
  for (const Extension& extension : parts.extensions) {
    ByteView value = extension.value;
    if (!is(extension.oid, basic_constraints)) continue;
    const auto constraints = der::next(value, der::sequence);
    ByteView fields = constraints ? constraints->content : ByteView();
    const auto ca = der::next(fields, boolean);
    if (ca && ca->content.size() == 1 && ca->content[0] == 0) found.emplace_back("CA:FALSE is written out");
  }
  return found;
}

}  // namespace chancery::preflight
