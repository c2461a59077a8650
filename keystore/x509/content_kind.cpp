#include "keystore/x509/content_kind.h"

#include <algorithm>
#include <array>

#include "keystore/x509/der.h"
#include "keystore/x509/pem.h"

namespace chancery {
namespace {

bool starts_with(ByteView bytes, std::initializer_list<std::uint8_t> start) {
  return bytes.size() >= start.size() && std::equal(start.begin(), start.end(), bytes.begin());
}

// The tags of the first elements of a structure, at most `count`.
std::vector<der::Element> front(ByteView content, std::size_t count) {
  std::vector<der::Element> out;
  while (out.size() < count) {
    const auto element = der::next(content);
    if (!element) break;
    out.push_back(*element);
  }
  return out;
}

bool has_tags(const std::vector<der::Element>& elements, std::initializer_list<std::uint8_t> tags) {
  return elements.size() >= tags.size() &&
         std::equal(tags.begin(), tags.end(), elements.begin(),
                    [](std::uint8_t tag, const der::Element& element) { return element.tag == tag; });
}

bool is_time(std::uint8_t tag) { return tag == 0x17 || tag == 0x18; }

// SEQUENCE { SEQUENCE tbs, SEQUENCE algorithm, BIT STRING } is a certificate, a request or a revocation list.
ContentKind signed_kind(ByteView to_be_signed) {
  const auto parts = front(to_be_signed, 4);
  if (parts.size() < 3) return ContentKind::unknown;
  if (parts[0].tag == der::context_0) return ContentKind::certificate;
  if (is_time(parts[2].tag) || (parts.size() > 3 && is_time(parts[3].tag))) return ContentKind::revocation_list;
  if (has_tags(parts, {der::integer, der::sequence, der::sequence}) &&
      has_tags(front(parts[2].content, 2), {der::sequence, der::bit_string})) {
    return ContentKind::request;
  }
  return ContentKind::certificate;
}

ContentKind indefinite_kind(ByteView der) {
  if (starts_with(der, {0x30, 0x80, 0x02, 0x01, 0x03})) return ContentKind::pkcs12;
  if (starts_with(der, {0x30, 0x80, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07})) {
    return ContentKind::pkcs7;
  }
  return ContentKind::unknown;
}

ContentKind key_kind(const std::vector<der::Element>& parts) {
  const bool all_integers =
      std::all_of(parts.begin(), parts.end(), [](const der::Element& part) { return part.tag == der::integer; });
  if (all_integers && parts.size() >= 9) return ContentKind::pkcs1_key;
  if (all_integers && parts.size() == 6) return ContentKind::dsa_key;
  if (has_tags(parts, {der::integer, der::sequence, der::octet_string})) return ContentKind::pkcs8_key;
  if (has_tags(parts, {der::integer, der::octet_string})) return ContentKind::sec1_key;
  if (all_integers && parts.size() >= 2) return ContentKind::parameters;
  return ContentKind::unknown;
}

constexpr std::array<std::uint8_t, 8> pkcs7_family{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07};

std::string lowered_start(std::string_view text) {
  const std::size_t start = std::min(text.find_first_not_of(" \t\r\n"), text.size());
  std::string out(text.substr(start, 64));
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char unit) { return unit >= 'A' && unit <= 'Z' ? static_cast<char>(unit + 32) : unit; });
  return out;
}

bool looks_like_utf16(ByteView bytes) {
  if (starts_with(bytes, {0xff, 0xfe}) || starts_with(bytes, {0xfe, 0xff})) return true;
  return starts_with(bytes, {'-', 0, '-', 0}) || starts_with(bytes, {0, '-', 0, '-'});
}

// The base64 of a DER structure without BEGIN and END lines.
bool is_naked_base64(std::string_view text) {
  Bytes der;
  if (lowered_start(text).rfind("mi", 0) != 0 || !pem::decode_into(text, der)) return false;
  ByteView rest = der;
  return der::next(rest, der::sequence).has_value();
}

}  // namespace

ContentKind kind_of(ByteView der) {
  if (starts_with(der, {0x30, 0x80})) return indefinite_kind(der);
  ByteView rest = der;
  const auto outer = der::next(rest, der::sequence);
  if (!outer) return ContentKind::unknown;
  const ByteView content = outer->content;
  if (starts_with(content, {0x02, 0x01, 0x03, 0x30})) return ContentKind::pkcs12;
  const auto parts = front(content, 10);
  if (parts.empty()) return ContentKind::unknown;
  if (parts[0].tag == der::object_identifier) {
    const ByteView oid = parts[0].content;
    const bool is_pkcs7 = oid.size() == 9 && std::equal(pkcs7_family.begin(), pkcs7_family.end(), oid.begin());
    return is_pkcs7 ? ContentKind::pkcs7 : ContentKind::unknown;
  }
  if (parts[0].tag == der::integer) return key_kind(parts);
  if (has_tags(parts, {der::sequence, der::sequence, der::bit_string})) return signed_kind(parts[0].content);
  if (has_tags(parts, {der::sequence, der::octet_string})) return ContentKind::encrypted_key;
  if (has_tags(parts, {der::sequence, der::bit_string})) return ContentKind::public_key;
  return ContentKind::unknown;
}

const char* name_of(ContentKind kind) {
  switch (kind) {
    case ContentKind::certificate:
      return "a certificate";
    case ContentKind::request:
      return "a certificate request (CSR)";
    case ContentKind::revocation_list:
      return "a certificate revocation list (CRL)";
    case ContentKind::pkcs7:
      return "a PKCS#7 structure";
    case ContentKind::pkcs12:
      return "a PKCS#12 keystore";
    case ContentKind::pkcs8_key:
    case ContentKind::pkcs1_key:
    case ContentKind::sec1_key:
      return "a private key";
    case ContentKind::encrypted_key:
      return "an encrypted private key";
    case ContentKind::dsa_key:
      return "a DSA private key";
    case ContentKind::public_key:
      return "a public key";
    case ContentKind::parameters:
      return "key parameters";
    case ContentKind::unknown:
      break;
  }
  return "something unknown";
}

std::optional<ForeignFormat> foreign_label(std::string_view label, const std::string& source) {
  if (label == "OPENSSH PRIVATE KEY") {
    return ForeignFormat{"holds an OpenSSH private key, which TLS servers cannot read",
                         "convert a copy: `cp " + source + " key.pem; ssh-keygen -p -m PKCS8 -N '' -f key.pem`"};
  }
  if (label.starts_with("PGP ")) {
    return ForeignFormat{"holds a PGP block, not a certificate", "give the X.509 certificate or key that the CA sent"};
  }
  if (label.starts_with("SSH2 ")) {
    return ForeignFormat{"holds an SSH public key, not a certificate", "give the X.509 certificate that the CA sent"};
  }
  return std::nullopt;
}

std::optional<ForeignFormat> foreign_format(ByteView bytes, const std::string& source) {
  const std::string ask_ca = "get the certificate from the CA again, as PEM (\"Base64\")";
  const std::string from_java = "export from it: `chancery keystore export --keystore " + source +
                                " --alias ALIAS`, or `keytool -importkeystore -srckeystore " + source +
                                " -destkeystore store.p12 -deststoretype PKCS12` and give store.p12";
  if (starts_with(bytes, {0xfe, 0xed, 0xfe, 0xed})) return ForeignFormat{"is a Java keystore (JKS)", from_java};
  if (starts_with(bytes, {0xce, 0xce, 0xce, 0xce})) return ForeignFormat{"is a Java keystore (JCEKS)", from_java};
  if (looks_like_utf16(bytes)) {
    return ForeignFormat{"is text in UTF-16, as some Windows programs save it",
                         "save it as UTF-8 or ASCII: `iconv -f UTF-16 -t UTF-8 " + source + " > new.pem`"};
  }
  if (starts_with(bytes, {'P', 'K', 3, 4}))
    return ForeignFormat{"is a zip archive", "unpack it and give the files in it"};
  if (starts_with(bytes, {0x1f, 0x8b})) return ForeignFormat{"is a gzip archive", "unpack it and give the files in it"};
  if (starts_with(bytes, {0x1e, 0xf1, 0xb5, 0xb0})) {
    return ForeignFormat{"is a Microsoft PVK key file",
                         "convert it: `openssl rsa -inform PVK -in " + source + " -out key.pem`"};
  }
  const std::string_view text = text_of(bytes);
  const std::string start = lowered_start(text.substr(0, 4096));
  const auto begins = [&](std::string_view with) { return start.starts_with(with); };
  if (begins("sqlite format 3")) {
    return ForeignFormat{"is an SQLite database (perhaps an NSS store)",
                         "export with `pk12util -o store.p12 -n NAME -d FOLDER`"};
  }
  if (begins("%pdf")) return ForeignFormat{"is a PDF document", ask_ca};
  if (begins("<!doctype") || begins("<html") || begins("<?xml") || begins("<head")) {
    return ForeignFormat{"is a web page or XML, perhaps the error page of a download", ask_ca};
  }
  if (begins("putty-user-key-file")) {
    return ForeignFormat{"is a PuTTY key file",
                         "export it with PuTTYgen as an OpenSSH key, then `ssh-keygen -p -m PKCS8`"};
  }
  if (begins("ssh-") || begins("ecdsa-sha2-") || begins("---- begin ssh2")) {
    return ForeignFormat{"is an SSH public key", "give the X.509 certificate that the CA sent"};
  }
  if (begins("{")) return ForeignFormat{"is JSON", "give the certificate or key itself, as PEM"};
  if (is_naked_base64(text)) {
    return ForeignFormat{
        "is base64 without its BEGIN and END lines",
        "put -----BEGIN CERTIFICATE----- (or PRIVATE KEY) before it and the matching END line after it"};
  }
  return std::nullopt;
}

}  // namespace chancery
