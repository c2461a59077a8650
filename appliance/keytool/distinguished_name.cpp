#include "appliance/keytool/distinguished_name.h"

#include <algorithm>
#include <array>
#include <vector>

#include "appliance/keytool/certificate_view.h"
#include "appliance/keytool/der_writing.h"
#include "appliance/keytool/java_ways.h"
#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"
#include "keystore/x509/der.h"

namespace chancery::keytool {
namespace {

constexpr std::uint8_t printable_string = 0x13;
constexpr std::uint8_t ia5_string = 0x16;

struct Keyword {
  std::string_view name;
  std::string_view oid;
};

// The first of an OID is how it is printed; the others are only read.
constexpr std::array keywords = {
    Keyword{"CN", "2.5.4.3"},
    Keyword{"C", "2.5.4.6"},
    Keyword{"L", "2.5.4.7"},
    Keyword{"ST", "2.5.4.8"},
    Keyword{"S", "2.5.4.8"},
    Keyword{"O", "2.5.4.10"},
    Keyword{"OU", "2.5.4.11"},
    Keyword{"T", "2.5.4.12"},
    Keyword{"IP", "1.3.6.1.4.1.42.2.11.2.1"},
    Keyword{"STREET", "2.5.4.9"},
    Keyword{"DC", "0.9.2342.19200300.100.1.25"},
    Keyword{"DNQ", "2.5.4.46"},
    Keyword{"DNQUALIFIER", "2.5.4.46"},
    Keyword{"SURNAME", "2.5.4.4"},
    Keyword{"GIVENNAME", "2.5.4.42"},
    Keyword{"INITIALS", "2.5.4.43"},
    Keyword{"GENERATION", "2.5.4.44"},
    Keyword{"EMAILADDRESS", "1.2.840.113549.1.9.1"},
    Keyword{"EMAIL", "1.2.840.113549.1.9.1"},
    Keyword{"UID", "0.9.2342.19200300.100.1.1"},
    Keyword{"SERIALNUMBER", "2.5.4.5"},
};

bool is_printable(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view(" '()+,-./:=?").find(c) != std::string_view::npos;
}

void append_utf8(std::string& out, std::uint32_t point) {
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xc0 | (point >> 6));
    out += static_cast<char>(0x80 | (point & 0x3f));
  } else if (point < 0x10000) {
    out += static_cast<char>(0xe0 | (point >> 12));
    out += static_cast<char>(0x80 | ((point >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (point & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | (point >> 18));
    out += static_cast<char>(0x80 | ((point >> 12) & 0x3f));
    out += static_cast<char>(0x80 | ((point >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (point & 0x3f));
  }
}

std::string from_units(ByteView content, std::size_t width) {
  std::string out;
  for (std::size_t at = 0; at + width <= content.size(); at += width) {
    std::uint32_t point = 0;
    for (std::size_t more = 0; more < width; ++more) point = (point << 8) | content[at + more];
    if (width == 2 && point >= 0xd800 && point < 0xdc00 && at + 4 <= content.size()) {
      const std::uint32_t low = (std::uint32_t{content[at + 2]} << 8) | content[at + 3];
      if (low >= 0xdc00 && low < 0xe000) {
        point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
        at += 2;
      }
    }
    append_utf8(out, point <= 0x10ffff ? point : 0xfffd);
  }
  return out;
}

std::string value_text(const der::Element& element) {
  bool is_text = false;
  const std::string text = asn1_text(element.tag, element.content, is_text);
  return is_text ? quoted_name_value(text) : "#" + to_hex(element.whole);
}

std::string keyword_of(ByteView oid) {
  const std::string text = dotted(oid);
  for (const Keyword& keyword : keywords) {
    if (keyword.oid == text) return std::string(keyword.name);
  }
  return "OID." + text;
}

// ---- reading

[[noreturn]] void refuse(std::string message) { fail_as("java.io.IOException", std::move(message)); }

// Cuts at the separators that are neither escaped nor quoted.
std::vector<std::string_view> cut(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> parts;
  std::size_t start = 0;
  bool quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (text[at] == '"') {
      quoted = !quoted;
    } else if (!quoted && separators.find(text[at]) != std::string_view::npos) {
      parts.push_back(text.substr(start, at - start));
      start = at + 1;
    }
  }
  parts.push_back(text.substr(std::min(start, text.size())));
  return parts;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\n')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\n')) text.remove_suffix(1);
  return text;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// One escape at `at` (behind the backslash); moves past it.
void take_escape(std::string_view text, std::size_t& at, std::string& out) {
  if (at >= text.size()) refuse("Invalid escaped hex character pair");
  if (at + 1 < text.size() && hex_value(text[at]) >= 0 && hex_value(text[at + 1]) >= 0) {
    out += static_cast<char>(hex_value(text[at]) * 16 + hex_value(text[at + 1]));
    at += 2;
    return;
  }
  if (std::string_view(",+<>;\"\\=#\n ").find(text[at]) == std::string_view::npos) {
    refuse(std::string("Invalid escaped character in AVA: '") + text[at] + "'");
  }
  out += text[at++];
}

std::string quoted_value(std::string_view text) {  // behind the first quote
  std::string out;
  std::size_t at = 0;
  while (true) {
    if (at >= text.size()) refuse("Quoted string did not end in quote");
    if (text[at] == '"') break;
    if (text[at] == '\\') {
      ++at;
      take_escape(text, at, out);
    } else {
      out += text[at++];
    }
  }
  if (!trimmed(text.substr(at + 1)).empty()) refuse("AVA had characters other than whitespace after terminating quote");
  return out;
}

std::string bare_value(std::string_view text) {
  std::string out;
  std::size_t kept = 0;  // blanks at the end go, unless they were escaped
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '\\') {
      ++at;
      take_escape(text, at, out);
      kept = out.size();
      continue;
    }
    if (std::string_view(",+<>;\"").find(text[at]) != std::string_view::npos) {
      refuse(std::string("Character '") + text[at] + "' in AVA appears without escape");
    }
    out += text[at];
    if (text[at] != ' ' && text[at] != '\n') kept = out.size();
    ++at;
  }
  out.resize(kept);
  return out;
}

Bytes hex_value_der(std::string_view digits) {
  if (digits.empty() || digits.size() % 2 != 0) refuse("odd number of hex digits");
  try {
    return from_hex(digits);
  } catch (const Failure&) {
    refuse("AVA parse, invalid hex digit: " + std::string(digits));
  }
}

Bytes attribute(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) refuse("Incorrect AVA format");
  std::string keyword;
  for (const char c : trimmed(text.substr(0, equals))) {
    keyword += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  std::string oid;
  for (const Keyword& known : keywords) {
    if (known.name == keyword) oid = known.oid;
  }
  if (oid.empty()) {
    oid = keyword.starts_with("OID.") ? keyword.substr(4) : keyword;
    if (oid_from_dotted(oid).empty()) refuse("Invalid keyword \"" + keyword + "\"");
  }
  std::string_view raw = text.substr(equals + 1);
  while (!raw.empty() && (raw.front() == ' ' || raw.front() == '\n')) raw.remove_prefix(1);
  Bytes value;
  if (raw.starts_with('#')) {
    value = hex_value_der(trimmed(raw.substr(1)));
  } else {
    const std::string plain = raw.starts_with('"') ? quoted_value(raw.substr(1)) : bare_value(raw);
    const bool is_ia5 = oid == "1.2.840.113549.1.9.1" || oid == "0.9.2342.19200300.100.1.25";
    const bool all_printable = std::all_of(plain.begin(), plain.end(), is_printable);
    value = der_element(is_ia5 ? ia5_string : all_printable ? printable_string : der::utf8_string, view_of(plain));
  }
  const Bytes type = der_oid(oid);
  return der_sequence({type, value});
}

}  // namespace

std::string asn1_text(std::uint8_t tag, ByteView content, bool& is_text) {
  is_text = true;
  switch (tag) {
    case 0x0c:  // UTF8String
    case 0x12:  // NumericString
    case 0x13:  // PrintableString
    case 0x16:  // IA5String
    case 0x1a:  // VisibleString
    case 0x1b:  // GeneralString
      return std::string(text_of(content));
    case 0x14: {  // TeletexString, as Java takes it: Latin-1
      std::string out;
      for (const std::uint8_t byte : content) append_utf8(out, byte);
      return out;
    }
    case 0x1e:  // BMPString
      return from_units(content, 2);
    case 0x1c:  // UniversalString
      return from_units(content, 4);
    default:
      is_text = false;
      return "";
  }
}

std::string quoted_name_value(std::string_view value) {
  static constexpr std::string_view special = ",+=\n<>#;\\\"";
  const bool already = value.size() > 1 && value.front() == '"' && value.back() == '"';
  bool needs_quotes = false;
  bool after_blank = false;
  std::string out;
  for (std::size_t at = 0; at < value.size(); ++at) {
    const char c = value[at];
    if (already && (at == 0 || at + 1 == value.size())) {
      out += c;
      continue;
    }
    const bool is_blank = c == ' ' || c == '\n';
    if (special.find(c) != std::string_view::npos || (at == 0 && is_blank) || (is_blank && after_blank)) {
      needs_quotes = true;
    }
    after_blank = is_blank;
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  if (!out.empty() && (out.back() == ' ' || out.back() == '\n')) needs_quotes = true;
  return needs_quotes && !already ? "\"" + out + "\"" : out;
}

std::string name_text(ByteView name) {
  std::vector<std::string> parts;
  ByteView rest = name;
  const auto outer = der::next(rest, der::sequence);
  if (!outer) return "";
  for (ByteView in = outer->content; !in.empty();) {
    const auto set = der::next(in, der::set);
    if (!set) break;
    std::string part;
    for (ByteView members = set->content; !members.empty();) {
      const auto one = der::next(members, der::sequence);
      if (!one) break;
      ByteView inner = one->content;
      const auto oid = der::next(inner, der::object_identifier);
      const auto value = der::next(inner);
      if (!oid || !value) break;
      part += (part.empty() ? "" : " + ") + keyword_of(oid->content) + "=" + value_text(*value);
    }
    parts.push_back(std::move(part));
  }
  std::string text;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) text += (text.empty() ? "" : ", ") + *part;
  return text;
}

std::string given_name_text(std::string_view text) {
  std::string out;
  if (text.empty()) return out;
  for (const std::string_view part : cut(text, ",;")) {
    std::string members;
    for (const std::string_view one : cut(part, "+")) {
      const Bytes name = der_sequence({der_element(der::set, attribute(one))});
      members += (members.empty() ? "" : " + ") + name_text(name);
    }
    out += (out.empty() ? "" : ", ") + members;
  }
  return out;
}

Bytes parse_name_text(std::string_view text) {
  Bytes content;
  if (!text.empty()) {
    std::vector<std::string_view> parts = cut(text, ",;");
    std::reverse(parts.begin(), parts.end());
    for (const std::string_view part : parts) {
      std::vector<Bytes> members;
      for (const std::string_view one : cut(part, "+")) {
        if (trimmed(one).empty()) refuse("empty AVA in RDN \"" + std::string(trimmed(part)) + "\"");
        members.push_back(attribute(one));
      }
      std::sort(members.begin(), members.end());
      Bytes set;
      for (const Bytes& member : members) set.insert(set.end(), member.begin(), member.end());
      const Bytes element = der_element(der::set, set);
      content.insert(content.end(), element.begin(), element.end());
    }
  }
  return der_element(der::sequence, content);
}

}  // namespace chancery::keytool
