#include <algorithm>
#include <array>

#include "keystore/fault.h"
#include "keystore/java/format.h"
#include "keystore/java/pkcs12_memory.h"
#include "keystore/java/pkcs8.h"

// PrivateKeyInfo { 0, AlgorithmIdentifier, OCTET STRING }: of secret keys too, as Java has it, with their raw bytes in the
// OCTET STRING and no parameters.
namespace chancery::java::pkcs12 {
namespace {

using std::string_view_literals::operator""sv;

struct SecretAlgorithm {
  std::string_view name;  // as Java calls it
  std::string_view oid;
};

// Those that Java can name by an OID; it refuses to store others in a PKCS#12. The first of a name is written, the first
// of an OID is what it reads back as.
constexpr std::array<SecretAlgorithm, 18> secret_algorithms{{
    {"AES", "\x60\x86\x48\x01\x65\x03\x04\x01"sv},
    {"DESede", "\x2b\x0e\x03\x02\x11"sv},
    {"DESede", "\x2a\x86\x48\x86\xf7\x0d\x03\x07"sv},
    {"DES/CBC", "\x2b\x0e\x03\x02\x07"sv},
    {"DES", "\x2b\x0e\x03\x02\x07"sv},
    {"ARCFOUR", "\x2a\x86\x48\x86\xf7\x0d\x03\x04"sv},
    {"RC4", "\x2a\x86\x48\x86\xf7\x0d\x03\x04"sv},
    {"HmacSHA1", "\x2a\x86\x48\x86\xf7\x0d\x02\x07"sv},
    {"HmacSHA224", "\x2a\x86\x48\x86\xf7\x0d\x02\x08"sv},
    {"HmacSHA256", "\x2a\x86\x48\x86\xf7\x0d\x02\x09"sv},
    {"HmacSHA384", "\x2a\x86\x48\x86\xf7\x0d\x02\x0a"sv},
    {"HmacSHA512", "\x2a\x86\x48\x86\xf7\x0d\x02\x0b"sv},
    {"HmacSHA512/224", "\x2a\x86\x48\x86\xf7\x0d\x02\x0c"sv},
    {"HmacSHA512/256", "\x2a\x86\x48\x86\xf7\x0d\x02\x0d"sv},
    {"HmacSHA3-224", "\x60\x86\x48\x01\x65\x03\x04\x02\x0d"sv},
    {"HmacSHA3-256", "\x60\x86\x48\x01\x65\x03\x04\x02\x0e"sv},
    {"HmacSHA3-384", "\x60\x86\x48\x01\x65\x03\x04\x02\x0f"sv},
    {"HmacSHA3-512", "\x60\x86\x48\x01\x65\x03\x04\x02\x10"sv},
}};

std::string lower_ascii(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// EncryptedPrivateKeyInfo { AlgorithmIdentifier, OCTET STRING }; nullopt for a PrivateKeyInfo in clear.
struct Sealed {
  ByteView algorithm;
  ByteView content;
};
std::optional<Sealed> sealed_parts(ByteView encrypted, const std::string& source, SecretBytes& joined) {
  asn1::Parser outer(encrypted, source, "a key");
  asn1::Parser in = outer.sequence();
  outer.expect_end();
  const der::Element first = in.next();
  if (first.tag == der::integer) return std::nullopt;
  if (first.tag != der::sequence) in.fail();
  return Sealed{first.whole, in.octets(joined)};
}

// The EncryptedPrivateKeyInfo (or PrivateKeyInfo) of an entry, out of the secretBag for a secret key.
ByteView key_info(ByteView sealed, EntryKind kind, const std::string& source, SecretBytes& joined) {
  if (kind != EntryKind::secret_key) return sealed;
  const auto inner = encrypted_key_of(sealed, joined);
  if (!inner) fail_damaged(source, "a secret key in it is broken");
  return *inner;
}

KeyMaterial secret_from(SecretBytes plain, const std::string& alias) {
  asn1::Parser outer(plain, alias, "its secret key");
  asn1::Parser in = outer.sequence();
  (void)in.integer();
  const std::string_view oid = text_of(in.sequence().next(der::object_identifier).content);
  SecretBytes joined;
  KeyMaterial out{.kind = EntryKind::secret_key, .algorithm = {}, .encoded = secret_copy(in.octets(joined))};
  const auto known = std::find_if(secret_algorithms.begin(), secret_algorithms.end(),
                                  [&](const SecretAlgorithm& one) { return one.oid == oid; });
  out.algorithm = known != secret_algorithms.end() ? std::string(known->name) : pkcs8_algorithm(plain).value_or("");
  return out;
}

SecretBytes secret_info(const KeyMaterial& key) {
  const auto known = std::find_if(secret_algorithms.begin(), secret_algorithms.end(), [&](const SecretAlgorithm& one) {
    return lower_ascii(one.name) == lower_ascii(key.algorithm);
  });
  if (known == secret_algorithms.end()) {
    throw Failure({.code = "key-unsupported",
                   .subject = key.algorithm,
                   .cause = "a PKCS12 cannot name this algorithm of a secret key",
                   .hint = "keep this key in a store of type JCEKS or BCFKS"});
  }
  asn1::DerWriter out;
  out.octets(key.encoded);
  const std::size_t end = out.mark();
  out.oid(view_of(known->oid));
  out.wrap(der::sequence, end);
  out.integer(0);
  out.wrap(der::sequence, 0);
  return out.take();
}

}  // namespace

std::optional<Encryption> encryption_of_key(ByteView sealed, EntryKind kind, const std::string& source) {
  SecretBytes joined_info;
  SecretBytes joined;
  const auto parts = sealed_parts(key_info(sealed, kind, source, joined_info), source, joined);
  if (!parts) return std::nullopt;
  return read_encryption(parts->algorithm, source);
}

KeyMaterial open_key(const Keystore&, const Entry& entry, const SecretBytes& key_password) {
  if (!entry.key) fail_damaged(entry.alias, "there is no key in this entry");
  SecretBytes joined_info;
  SecretBytes joined;
  const ByteView info = key_info(entry.key->bytes, entry.kind, entry.alias, joined_info);
  const auto parts = sealed_parts(info, entry.alias, joined);
  SecretBytes plain = secret_copy(info);
  if (parts) {
    const Encryption encryption = read_encryption(parts->algorithm, entry.alias);
    auto opened = decrypt(encryption, parts->content, Passwords(key_password), nullptr,
                          [](ByteView bytes) { return pkcs8_algorithm(bytes).has_value(); });
    if (!opened) fail_wrong_key_password(entry.alias);
    plain = std::move(*opened);
  }
  if (entry.kind == EntryKind::secret_key) return secret_from(std::move(plain), entry.alias);
  const auto algorithm = pkcs8_algorithm(plain);
  if (!algorithm) fail_damaged(entry.alias, "its key is broken");
  return {.kind = EntryKind::private_key, .algorithm = *algorithm, .encoded = std::move(plain)};
}

SealedKey seal_key(const Keystore&, const KeyMaterial& key, const SecretBytes& key_password) {
  const bool is_secret = key.kind == EntryKind::secret_key;
  const SecretBytes plain = is_secret ? secret_info(key) : key.encoded;
  Encryption encryption = default_encryption();
  asn1::DerWriter out;
  encrypt(encryption, plain, Passwords(key_password), nullptr, out);
  out.wrap(der::octet_string, 0);
  write(out, encryption);
  out.wrap(der::sequence, 0);
  return {.sealed_by = StoreType::pkcs12, .bytes = is_secret ? secret_value(out.bytes()) : out.take()};
}

}  // namespace chancery::java::pkcs12
