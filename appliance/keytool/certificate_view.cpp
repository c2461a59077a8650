#include "appliance/keytool/certificate_view.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>

#include "appliance/keytool/java_ways.h"
#include "keystore/x509/der.h"

namespace chancery::keytool {
namespace {

struct Named {
  std::string_view oid;  // content bytes, so that comparing needs no text
  std::string_view name;
};

using namespace std::string_view_literals;

// RFC 3279, 4055, 5758, 8410, and NIST's arcs for DSA and SHA-3.
constexpr std::array signatures = {
    Named{"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"sv, "SHA256withRSA"},
    Named{"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c"sv, "SHA384withRSA"},
    Named{"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d"sv, "SHA512withRSA"},
    Named{"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0e"sv, "SHA224withRSA"},
    Named{"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05"sv, "SHA1withRSA"},
    Named{"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04"sv, "MD5withRSA"},
    Named{"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x02"sv, "MD2withRSA"},
    Named{"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"sv, "RSASSA-PSS"},
    Named{"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0f"sv, "SHA512/224withRSA"},
    Named{"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x10"sv, "SHA512/256withRSA"},
    Named{"\x2a\x86\x48\xce\x3d\x04\x01"sv, "SHA1withECDSA"},
    Named{"\x2a\x86\x48\xce\x3d\x04\x03\x01"sv, "SHA224withECDSA"},
    Named{"\x2a\x86\x48\xce\x3d\x04\x03\x02"sv, "SHA256withECDSA"},
    Named{"\x2a\x86\x48\xce\x3d\x04\x03\x03"sv, "SHA384withECDSA"},
    Named{"\x2a\x86\x48\xce\x3d\x04\x03\x04"sv, "SHA512withECDSA"},
    Named{"\x2a\x86\x48\xce\x38\x04\x03"sv, "SHA1withDSA"},
    Named{"\x60\x86\x48\x01\x65\x03\x04\x03\x01"sv, "SHA224withDSA"},
    Named{"\x60\x86\x48\x01\x65\x03\x04\x03\x02"sv, "SHA256withDSA"},
    Named{"\x60\x86\x48\x01\x65\x03\x04\x03\x03"sv, "SHA384withDSA"},
    Named{"\x60\x86\x48\x01\x65\x03\x04\x03\x04"sv, "SHA512withDSA"},
    Named{"\x60\x86\x48\x01\x65\x03\x04\x03\x0d"sv, "SHA3-224withRSA"},
    Named{"\x60\x86\x48\x01\x65\x03\x04\x03\x0e"sv, "SHA3-256withRSA"},
    Named{"\x60\x86\x48\x01\x65\x03\x04\x03\x0f"sv, "SHA3-384withRSA"},
    Named{"\x60\x86\x48\x01\x65\x03\x04\x03\x10"sv, "SHA3-512withRSA"},
    Named{"\x60\x86\x48\x01\x65\x03\x04\x03\x0a"sv, "SHA3-256withECDSA"},
    Named{"\x60\x86\x48\x01\x65\x03\x04\x03\x0b"sv, "SHA3-384withECDSA"},
    Named{"\x60\x86\x48\x01\x65\x03\x04\x03\x0c"sv, "SHA3-512withECDSA"},
    Named{"\x2b\x65\x70"sv, "Ed25519"},
    Named{"\x2b\x65\x71"sv, "Ed448"},
};

struct Curve {
  std::string_view oid;
  std::string_view name;
  int bits;
};

// Those that Java 17 knows; of others it would refuse the certificate.
constexpr std::array curves = {
    Curve{"\x2a\x86\x48\xce\x3d\x03\x01\x07"sv, "secp256r1", 256},
    Curve{"\x2b\x81\x04\x00\x22"sv, "secp384r1", 384},
    Curve{"\x2b\x81\x04\x00\x23"sv, "secp521r1", 521},
    Curve{"\x2b\x81\x04\x00\x0a"sv, "secp256k1", 256},
    Curve{"\x2b\x81\x04\x00\x21"sv, "secp224r1", 224},
    Curve{"\x2b\x81\x04\x00\x20"sv, "secp224k1", 225},
    Curve{"\x2a\x86\x48\xce\x3d\x03\x01\x01"sv, "secp192r1", 192},
    Curve{"\x2b\x81\x04\x00\x1f"sv, "secp192k1", 192},
    Curve{"\x2b\x24\x03\x03\x02\x08\x01\x01\x07"sv, "brainpoolP256r1", 256},
    Curve{"\x2b\x24\x03\x03\x02\x08\x01\x01\x09"sv, "brainpoolP320r1", 320},
    Curve{"\x2b\x24\x03\x03\x02\x08\x01\x01\x0b"sv, "brainpoolP384r1", 384},
    Curve{"\x2b\x24\x03\x03\x02\x08\x01\x01\x0d"sv, "brainpoolP512r1", 512},
};

bool is(ByteView oid, std::string_view content) { return text_of(oid) == content; }

int bit_length(ByteView integer) {
  while (!integer.empty() && integer.front() == 0) integer = integer.subspan(1);
  if (integer.empty()) return 0;
  return static_cast<int>((integer.size() - 1) * 8 + static_cast<std::size_t>(std::bit_width(integer.front())));
}

int digits_value(std::string_view text) {
  int value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : -1;
}

struct Algorithm {
  ByteView oid;
  ByteView parameters;
};

std::optional<Algorithm> read_algorithm(ByteView& rest) {
  const auto outer = der::next(rest, der::sequence);
  if (!outer) return std::nullopt;
  ByteView inner = outer->content;
  const auto oid = der::next(inner, der::object_identifier);
  if (!oid) return std::nullopt;
  return Algorithm{oid->content, inner};
}

bool read_extensions(ByteView list, std::vector<ExtensionView>& out) {
  const auto all = der::next(list, der::sequence);
  if (!all) return false;
  for (ByteView rest = all->content; !rest.empty();) {
    const auto one = der::next(rest, der::sequence);
    if (!one) return false;
    ByteView inner = one->content;
    const auto oid = der::next(inner, der::object_identifier);
    if (!oid) return false;
    ExtensionView extension{.oid = oid->content, .critical = false, .value = {}};
    if (!inner.empty() && inner.front() == 0x01) {
      const auto critical = der::next(inner);
      extension.critical = critical && critical->content.size() == 1 && critical->content.front() != 0;
    }
    const auto value = der::next(inner, der::octet_string);
    if (!value) return false;
    extension.value = value->content;
    out.push_back(extension);
  }
  return true;
}

}  // namespace

std::optional<std::int64_t> unix_time(std::uint8_t tag, ByteView content) {
  std::string_view text = text_of(content);
  int year = 0;
  if (tag == 0x17 && (text.size() == 13 || text.size() == 11)) {
    year = digits_value(text.substr(0, 2));
    if (year < 0) return std::nullopt;
    year += year < 50 ? 2000 : 1900;
    text.remove_prefix(2);
  } else if (tag == 0x18 && text.size() >= 15) {
    year = digits_value(text.substr(0, 4));
    text.remove_prefix(4);
  } else {
    return std::nullopt;
  }
  if (text.back() != 'Z') return std::nullopt;
  const int month = digits_value(text.substr(0, 2));
  const int day = digits_value(text.substr(2, 2));
  const int hour = digits_value(text.substr(4, 2));
  const int minute = digits_value(text.substr(6, 2));
  const int second = text.size() >= 11 ? digits_value(text.substr(8, 2)) : 0;
  if (year < 0 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || minute < 0 || second < 0) {
    return std::nullopt;
  }
  // Days since 1970 in the proleptic Gregorian calendar.
  const std::int64_t y = month <= 2 ? year - 1 : year;
  const std::int64_t era = (y >= 0 ? y : y - 399) / 400;
  const std::int64_t of_era = y - era * 400;
  const std::int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const std::int64_t days = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
  return ((days * 24 + hour) * 60 + minute) * 60 + second;
}

std::optional<KeyView> view_key(ByteView info) {
  ByteView rest = info;
  const auto outer = der::next(rest, der::sequence);
  if (!outer) return std::nullopt;
  ByteView inner = outer->content;
  const auto algorithm = read_algorithm(inner);
  const auto bits = der::next(inner, der::bit_string);
  if (!algorithm || !bits || bits->content.empty()) return std::nullopt;
  return KeyView{outer->whole, algorithm->oid, algorithm->parameters, bits->content.subspan(1)};
}

std::optional<CertificateView> view_certificate(ByteView der) {
  ByteView rest = der;
  const auto outer = der::next(rest, der::sequence);
  if (!outer || !rest.empty()) return std::nullopt;
  ByteView parts = outer->content;
  const auto body = der::next(parts, der::sequence);
  const auto algorithm = read_algorithm(parts);
  if (!body || !algorithm || !der::next(parts, der::bit_string)) return std::nullopt;
  CertificateView view;
  view.der = der;
  view.signature_oid = algorithm->oid;
  view.signature_parameters = algorithm->parameters;
  ByteView in = body->content;
  if (const auto version = der::next(in, der::context_0)) {
    ByteView number = version->content;
    const auto integer = der::next(number, der::integer);
    const auto value = integer ? der::small_integer(*integer) : std::nullopt;
    if (!value || *value > 2) return std::nullopt;
    view.version = static_cast<int>(*value) + 1;
  }
  const auto serial = der::next(in, der::integer);
  if (!serial || serial->content.empty() || !read_algorithm(in)) return std::nullopt;
  view.serial = serial->content;
  const auto issuer = der::next(in, der::sequence);
  const auto validity = der::next(in, der::sequence);
  const auto subject = der::next(in, der::sequence);
  const auto key = der::next(in, der::sequence);
  if (!issuer || !validity || !subject || !key) return std::nullopt;
  view.issuer = issuer->whole;
  view.subject = subject->whole;
  ByteView times = validity->content;
  const auto starts = der::next(times);
  const auto ends = der::next(times);
  if (!starts || !ends) return std::nullopt;
  view.starts = unix_time(starts->tag, starts->content);
  view.ends = unix_time(ends->tag, ends->content);
  const auto key_view = view_key(key->whole);
  if (!key_view) return std::nullopt;
  view.key = *key_view;
  while (!in.empty()) {
    const auto more = der::next(in);
    if (!more) return std::nullopt;
    if (more->tag == 0xa3 && !read_extensions(more->content, view.extensions)) return std::nullopt;
  }
  return view;
}

const ExtensionView* find_extension(const CertificateView& certificate, std::string_view dotted_oid) {
  for (const ExtensionView& extension : certificate.extensions) {
    if (dotted(extension.oid) == dotted_oid) return &extension;
  }
  return nullptr;
}

std::string dotted(ByteView oid) {
  std::string text;
  std::uint64_t arc = 0;
  std::size_t size = 0;
  for (const std::uint8_t byte : oid) {
    if (++size > 9) return "";
    arc = (arc << 7) | (byte & 0x7f);
    if ((byte & 0x80) != 0) continue;
    if (text.empty()) {
      const std::uint64_t first = std::min<std::uint64_t>(arc / 40, 2);
      text = std::to_string(first) + "." + std::to_string(arc - first * 40);
    } else {
      text += "." + std::to_string(arc);
    }
    arc = 0;
    size = 0;
  }
  return size == 0 ? text : "";
}

Bytes oid_from_dotted(std::string_view text) {
  std::vector<std::uint64_t> arcs;
  while (true) {
    const std::size_t dot = text.find('.');
    const std::string_view part = text.substr(0, dot);
    std::uint64_t arc = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), arc);
    if (part.empty() || error != std::errc() || end != part.data() + part.size() || arc > 0x0fffffffffffffff) return {};
    arcs.push_back(arc);
    if (dot == std::string_view::npos) break;
    text.remove_prefix(dot + 1);
  }
  if (arcs.size() < 2 || arcs.size() > 64 || arcs[0] > 2 || (arcs[0] < 2 && arcs[1] > 39)) return {};
  arcs[1] += arcs[0] * 40;
  Bytes out;
  for (std::size_t at = 1; at < arcs.size(); ++at) {
    Bytes reversed;
    std::uint64_t arc = arcs[at];
    do {
      reversed.push_back(static_cast<std::uint8_t>((arc & 0x7f) | (reversed.empty() ? 0 : 0x80)));
      arc >>= 7;
    } while (arc != 0);
    out.insert(out.end(), reversed.rbegin(), reversed.rend());
  }
  return out;
}

std::string signature_name(ByteView oid) {
  for (const Named& each : signatures) {
    if (is(oid, each.oid)) return std::string(each.name);
  }
  return dotted(oid);
}

Bytes signature_oid(std::string_view name) {
  for (const Named& each : signatures) {
    if (equal_ignoring_case(name, each.name)) return bytes_of(each.oid);
  }
  return {};
}

KeyNaming naming_of(const KeyView& key) {
  const bool is_pss = is(key.oid, "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a"sv);
  if (is_pss || is(key.oid, "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"sv)) {
    ByteView rest = key.bits;
    KeyNaming naming{is_pss ? "RSASSA-PSS" : "RSA", is_pss ? "RSASSA-PSS" : "RSA", -1};
    if (const auto outer = der::next(rest, der::sequence)) {
      ByteView inner = outer->content;
      if (const auto modulus = der::next(inner, der::integer)) naming.bits = bit_length(modulus->content);
    }
    return naming;
  }
  if (is(key.oid, "\x2a\x86\x48\xce\x3d\x02\x01"sv)) {
    ByteView rest = key.parameters;
    if (const auto oid = der::next(rest, der::object_identifier)) {
      for (const Curve& curve : curves) {
        if (is(oid->content, curve.oid)) return {"EC", "EC (" + std::string(curve.name) + ")", curve.bits};
      }
    }
    return {"EC", "EC", -1};
  }
  if (is(key.oid, "\x2b\x65\x70"sv)) return {"EdDSA", "Ed25519", 255};
  if (is(key.oid, "\x2b\x65\x71"sv)) return {"EdDSA", "Ed448", 448};
  if (is(key.oid, "\x2b\x65\x6e"sv)) return {"XDH", "XDH", 255};
  if (is(key.oid, "\x2b\x65\x6f"sv)) return {"XDH", "XDH", 448};
  if (is(key.oid, "\x2a\x86\x48\xce\x38\x04\x01"sv)) {
    ByteView rest = key.parameters;
    KeyNaming naming{"DSA", "DSA", -1};
    if (const auto outer = der::next(rest, der::sequence)) {
      ByteView inner = outer->content;
      if (const auto prime = der::next(inner, der::integer)) naming.bits = bit_length(prime->content);
    }
    return naming;
  }
  if (is(key.oid, "\x2a\x86\x48\x86\xf7\x0d\x01\x03\x01"sv)) return {"DH", "DH", -1};
  const std::string oid = dotted(key.oid);
  return {oid, oid, -1};
}

std::vector<std::string> extended_key_usages(const CertificateView& certificate) {
  std::vector<std::string> usages;
  for (const ExtensionView& extension : certificate.extensions) {
    if (!is(extension.oid, "\x55\x1d\x25"sv)) continue;
    ByteView rest = extension.value;
    const auto list = der::next(rest, der::sequence);
    if (!list) continue;
    for (ByteView in = list->content; !in.empty();) {
      const auto oid = der::next(in, der::object_identifier);
      if (!oid) break;
      usages.push_back(dotted(oid->content));
    }
  }
  return usages;
}

bool is_authority(const CertificateView& certificate) {
  for (const ExtensionView& extension : certificate.extensions) {
    if (!is(extension.oid, "\x55\x1d\x13"sv)) continue;
    ByteView rest = extension.value;
    const auto list = der::next(rest, der::sequence);
    if (!list) return false;
    ByteView in = list->content;
    const auto flag = der::next(in, 0x01);
    return flag && flag->content.size() == 1 && flag->content.front() != 0;
  }
  return false;
}

}  // namespace chancery::keytool
