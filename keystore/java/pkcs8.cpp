#include "keystore/java/pkcs8.h"

#include "keystore/x509/der.h"

namespace chancery::java {
namespace {

struct Named {
  std::string_view oid;  // content
  std::string_view name;
};

constexpr Named algorithms[] = {
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", "RSA"},
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a", "RSASSA-PSS"},
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x03\x01", "DH"},
    {"\x2a\x86\x48\xce\x38\x04\x01", "DSA"},
    {"\x2a\x86\x48\xce\x3d\x02\x01", "EC"},
    {"\x2b\x65\x6e", "X25519"},
    {"\x2b\x65\x6f", "X448"},
    {"\x2b\x65\x70", "Ed25519"},
    {"\x2b\x65\x71", "Ed448"},
};

std::string dotted(ByteView oid) {
  std::string out;
  std::uint64_t arc = 0;
  for (const std::uint8_t unit : oid) {
    arc = (arc << 7U) | (unit & 0x7fU);
    if ((unit & 0x80U) != 0) continue;
    if (out.empty()) {
      const std::uint64_t first = arc < 80 ? arc / 40 : 2;
      out = std::to_string(first);
      arc -= 40 * first;
    }
    out += '.' + std::to_string(arc);
    arc = 0;
  }
  return out;
}

}  // namespace

std::optional<std::string> pkcs8_algorithm(ByteView pkcs8) {
  const auto outer = der::next(pkcs8, der::sequence);
  if (!outer || !pkcs8.empty()) return std::nullopt;
  ByteView rest = outer->content;
  const auto version = der::next(rest, der::integer);
  const auto algorithm = der::next(rest, der::sequence);
  if (!version || !algorithm || !der::next(rest, der::octet_string)) return std::nullopt;
  ByteView inside = algorithm->content;
  const auto oid = der::next(inside, der::object_identifier);
  if (!oid || oid->content.empty()) return std::nullopt;
  for (const Named& known : algorithms) {
    if (text_of(oid->content) == known.oid) return std::string(known.name);
  }
  return dotted(oid->content);
}

std::optional<EncryptedKeyInfo> parse_encrypted_key(ByteView der) {
  const auto outer = der::next(der, der::sequence);
  if (!outer || !der.empty()) return std::nullopt;
  ByteView rest = outer->content;
  const auto algorithm = der::next(rest, der::sequence);
  const auto content = der::next(rest, der::octet_string);
  if (!algorithm || !content || !rest.empty()) return std::nullopt;
  ByteView inside = algorithm->content;
  const auto oid = der::next(inside, der::object_identifier);
  if (!oid) return std::nullopt;
  return EncryptedKeyInfo{text_of(oid->content), inside, content->content};
}

SecretBytes encrypted_key(const EncryptedKeyInfo& info) {
  SecretBytes algorithm = der::wrapped(der::object_identifier, view_of(info.oid));
  append(algorithm, info.parameters);
  SecretBytes inside = der::wrapped(der::sequence, algorithm);
  append(inside, der::wrapped(der::octet_string, info.content));
  return der::wrapped(der::sequence, inside);
}

}  // namespace chancery::java
