#include "keystore/java/pkcs12_protection.h"

#include <openssl/err.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>

#include "keystore/fault.h"
#include "keystore/java/format.h"
#include "keystore/java/pkcs12_ciphers.h"
#include "keystore/openssl/handles.h"

namespace chancery::java::pkcs12 {
namespace {

using std::string_view_literals::operator""sv;
using Kind = Derivation::Kind;
using Scheme = Cipher::Scheme;

constexpr auto pbes2_oid = "\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d"sv;
constexpr auto pbmac1_oid = "\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0e"sv;
constexpr auto pbkdf2_oid = "\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c"sv;
constexpr std::size_t salt_size = 20;       // as Java writes
constexpr std::size_t longest_salt = 4096;  // more than anybody writes

constexpr std::array<Cipher, 14> ciphers{{
    {"\x60\x86\x48\x01\x65\x03\x04\x01\x2a"sv, "AES-256-CBC", "AES-256-CBC", 32, 16, Scheme::pbes2, "", false},
    {"\x60\x86\x48\x01\x65\x03\x04\x01\x16"sv, "AES-192-CBC", "AES-192-CBC", 24, 16, Scheme::pbes2, "", false},
    {"\x60\x86\x48\x01\x65\x03\x04\x01\x02"sv, "AES-128-CBC", "AES-128-CBC", 16, 16, Scheme::pbes2, "", false},
    {"\x2a\x86\x48\x86\xf7\x0d\x03\x07"sv, "DES-EDE3-CBC", "DES-EDE3-CBC", 24, 8, Scheme::pbes2, "", false},
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x01"sv, "pbeWithSHA1And128BitRC4", "RC4", 16, 0, Scheme::pkcs12, "SHA1",
     true},
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x02"sv, "pbeWithSHA1And40BitRC4", "RC4-40", 5, 0, Scheme::pkcs12, "SHA1",
     true},
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x03"sv, "pbeWithSHA1And3-KeyTripleDES-CBC", "DES-EDE3-CBC", 24, 8,
     Scheme::pkcs12, "SHA1", false},
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x04"sv, "pbeWithSHA1And2-KeyTripleDES-CBC", "DES-EDE-CBC", 16, 8,
     Scheme::pkcs12, "SHA1", false},
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x05"sv, "pbeWithSHA1And128BitRC2-CBC", "RC2-CBC", 16, 8, Scheme::pkcs12,
     "SHA1", true},
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01\x06"sv, "pbeWithSHA1And40BitRC2-CBC", "RC2-40-CBC", 5, 8, Scheme::pkcs12,
     "SHA1", true},
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x03"sv, "pbeWithMD5AndDES-CBC", "DES-CBC", 8, 8, Scheme::pbes1, "MD5", true},
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x06"sv, "pbeWithMD5AndRC2-CBC", "RC2-64-CBC", 8, 8, Scheme::pbes1, "MD5", true},
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0a"sv, "pbeWithSHA1AndDES-CBC", "DES-CBC", 8, 8, Scheme::pbes1, "SHA1", true},
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0b"sv, "pbeWithSHA1AndRC2-CBC", "RC2-64-CBC", 8, 8, Scheme::pbes1, "SHA1",
     true},
}};

const Cipher* find_cipher(ByteView oid, bool in_pbes2) {
  for (const Cipher& cipher : ciphers) {
    if (cipher.oid == text_of(oid) && (cipher.scheme == Scheme::pbes2) == in_pbes2) return &cipher;
  }
  return nullptr;
}

SecretBytes derived(const Derivation& what, DerivedKeys* keys) { return keys ? keys->derive(what) : derive(what); }

KeyAndIv keys_for(const Encryption& how, const SecretBytes& password, DerivedKeys* keys) {
  const Cipher& cipher = *how.cipher;
  const auto make = [&](Kind kind, const Digest& digest, std::size_t size) {
    return derived({kind, digest, password, how.salt, how.iterations, size}, keys);
  };
  if (cipher.scheme == Scheme::pbes2) {
    return {make(Kind::pbkdf2, *how.prf, cipher.key_size), secret_copy(how.iv)};
  }
  const Digest& digest = digest_named(cipher.digest);
  if (cipher.scheme == Scheme::pbes1) {
    const SecretBytes both = make(Kind::pbkdf1, digest, cipher.key_size + cipher.iv_size);
    const auto middle = both.begin() + static_cast<std::ptrdiff_t>(cipher.key_size);
    return {{both.begin(), middle}, {middle, both.end()}};
  }
  KeyAndIv out;
  out.key = make(Kind::pkcs12_key, digest, cipher.key_size);
  if (cipher.iv_size != 0) out.iv = make(Kind::pkcs12_iv, digest, cipher.iv_size);
  return out;
}

const std::vector<SecretBytes>& encodings_for(const Cipher& cipher, const Passwords& passwords) {
  return cipher.scheme == Scheme::pkcs12 ? passwords.utf16 : passwords.bytes;
}

std::uint64_t read_iterations(asn1::Parser& in) {
  const std::uint64_t iterations = in.integer();
  if (iterations == 0) in.fail();
  if (iterations > iteration_limit) {
    fail_hostile(in.source(), "wants " + std::to_string(iterations) + " iterations of a password; the limit is " +
                                  std::to_string(iteration_limit));
  }
  return iterations;
}

Bytes read_salt(asn1::Parser& in) {
  SecretBytes joined;
  const ByteView salt = in.octets(joined);
  if (salt.empty()) in.fail();  // nobody writes that, and OpenSSL cannot derive from nothing at all
  if (salt.size() > longest_salt) fail_hostile(in.source(), "has a salt of " + std::to_string(salt.size()) + " bytes");
  return {salt.begin(), salt.end()};
}

struct Pbkdf2 {
  Bytes salt;
  std::uint64_t iterations = 0;
  std::optional<std::uint64_t> key_size;
  const Digest* prf = nullptr;
};

// AlgorithmIdentifier { PBKDF2, PBKDF2-params }
Pbkdf2 read_pbkdf2(asn1::Parser in) {
  if (text_of(in.next(der::object_identifier).content) != pbkdf2_oid) {
    fail_unsupported(in.source(), "turns its password into a key by another way than PBKDF2");
  }
  asn1::Parser parameters = in.sequence();
  Pbkdf2 out;
  out.salt = read_salt(parameters);
  out.iterations = read_iterations(parameters);
  if (!parameters.at_end()) {
    asn1::Parser ahead = parameters;
    if (ahead.next().tag == der::integer) out.key_size = parameters.integer();
  }
  out.prf = &digest_named("SHA1");
  if (!parameters.at_end()) {
    out.prf = digest_by_hmac_oid(parameters.sequence().next(der::object_identifier).content);
    if (out.prf == nullptr) fail_unsupported(in.source(), "uses a PBKDF2 with an unknown function");
  }
  return out;
}

void write_pbkdf2(asn1::DerWriter& out, ByteView salt, std::uint64_t iterations, const Digest& prf,
                  std::size_t key_size) {
  const std::size_t end = out.mark();
  const std::size_t function = out.mark();
  out.empty(asn1::null);
  out.oid(view_of(prf.hmac_oid));
  out.wrap(der::sequence, function);
  out.integer(key_size);
  out.integer(iterations);
  out.octets(salt);
  out.wrap(der::sequence, end);
  out.oid(view_of(pbkdf2_oid));
  out.wrap(der::sequence, end);
}

Bytes hmac(const Mac& mac, const SecretBytes& key, ByteView content) {
  Bytes out(EVP_MAX_MD_SIZE);
  unsigned size = 0;
  if (HMAC(mac.digest->native(), key.data(), static_cast<int>(key.size()), content.data(), content.size(), out.data(),
           &size) == nullptr) {
    throw ossl::openssl_failure("crypto-failed", "HMAC",
                                "check the installation of OpenSSL (`openssl list -providers`), then repeat");
  }
  out.resize(size);
  return out;
}

Derivation derivation_of(const Mac& mac, const SecretBytes& password) {
  if (mac.prf != nullptr) return {Kind::pbkdf2, *mac.prf, password, mac.salt, mac.iterations, mac.key_size};
  return {Kind::pkcs12_mac, *mac.digest, password, mac.salt, mac.iterations, mac.digest->size};
}

const std::vector<SecretBytes>& encodings_for(const Mac& mac, const Passwords& passwords) {
  return mac.prf != nullptr ? passwords.bytes : passwords.utf16;
}

// PBMAC1-params { keyDerivationFunc, messageAuthScheme }
void read_pbmac1(asn1::Parser in, Mac& mac) {
  Pbkdf2 derivation = read_pbkdf2(in.sequence());
  mac.digest = digest_by_hmac_oid(in.sequence().next(der::object_identifier).content);
  if (mac.digest == nullptr) fail_unsupported(in.source(), "has a MAC of an unknown kind");
  // RFC 9579, 4: the length must be there.
  if (!derivation.key_size || *derivation.key_size == 0 || *derivation.key_size > longest_salt) in.fail();
  mac.key_size = static_cast<std::size_t>(*derivation.key_size);
  mac.prf = derivation.prf;
  mac.salt = std::move(derivation.salt);
  mac.iterations = derivation.iterations;
}

Bytes random_bytes(std::size_t count) {
  const SecretBytes made = random_secret(count);
  return {made.begin(), made.end()};
}

}  // namespace

Encryption default_encryption() { return {.cipher = &ciphers[0], .prf = &digest_named("SHA256")}; }

Encryption read_encryption(ByteView algorithm_identifier, const std::string& source) {
  asn1::Parser outer(algorithm_identifier, source, "an algorithm");
  asn1::Parser in = outer.sequence();
  const ByteView oid = in.next(der::object_identifier).content;
  Encryption out;
  if (text_of(oid) != pbes2_oid) {
    out.cipher = find_cipher(oid, false);
    if (out.cipher == nullptr) fail_unsupported(source, "is encrypted by an algorithm that is not known here");
    asn1::Parser parameters = in.sequence();
    out.salt = read_salt(parameters);
    out.iterations = read_iterations(parameters);
    return out;
  }
  asn1::Parser parameters = in.sequence();
  Pbkdf2 derivation = read_pbkdf2(parameters.sequence());
  asn1::Parser scheme = parameters.sequence();
  out.cipher = find_cipher(scheme.next(der::object_identifier).content, true);
  if (out.cipher == nullptr) fail_unsupported(source, "is encrypted by a cipher that is not known here");
  if (derivation.key_size.value_or(out.cipher->key_size) != out.cipher->key_size) outer.fail();
  SecretBytes joined;
  const ByteView iv = scheme.octets(joined);
  if (iv.size() != out.cipher->iv_size) outer.fail();
  out.iv.assign(iv.begin(), iv.end());
  out.salt = std::move(derivation.salt);
  out.iterations = derivation.iterations;
  out.prf = derivation.prf;
  return out;
}

void write(asn1::DerWriter& out, const Encryption& encryption) {
  const std::size_t end = out.mark();
  if (encryption.cipher->scheme == Scheme::pbes2) {
    out.octets(encryption.iv);
    out.oid(view_of(encryption.cipher->oid));
    out.wrap(der::sequence, end);
    write_pbkdf2(out, encryption.salt, encryption.iterations, *encryption.prf, encryption.cipher->key_size);
    out.wrap(der::sequence, end);
    out.oid(view_of(pbes2_oid));
  } else {
    out.integer(encryption.iterations);
    out.octets(encryption.salt);
    out.wrap(der::sequence, end);
    out.oid(view_of(encryption.cipher->oid));
  }
  out.wrap(der::sequence, end);
}

std::string describe(const Encryption& encryption) {
  const std::string name(encryption.cipher->name);
  if (encryption.cipher->scheme != Scheme::pbes2) return name;
  return "PBES2 with " + name + " and Hmac" + std::string(encryption.prf->name);
}

std::optional<SecretBytes> decrypt(const Encryption& encryption, ByteView sealed, const Passwords& passwords,
                                   DerivedKeys* keys, const std::function<bool(ByteView)>& accept) {
  for (const SecretBytes& password : encodings_for(*encryption.cipher, passwords)) {
    std::optional<SecretBytes> plain = decrypted(*encryption.cipher, keys_for(encryption, password, keys), sealed);
    if (plain && accept(*plain)) return plain;
  }
  return std::nullopt;
}

void encrypt(Encryption& encryption, ByteView plain, const Passwords& passwords, DerivedKeys* keys,
             asn1::DerWriter& out) {
  const SecretBytes& password = encodings_for(*encryption.cipher, passwords).front();
  const bool is_pbes2 = encryption.cipher->scheme == Scheme::pbes2;
  const bool may_keep_salt = is_pbes2 && keys != nullptr && !encryption.salt.empty() &&
                             keys->knows({Kind::pbkdf2, *encryption.prf, password, encryption.salt,
                                          encryption.iterations, encryption.cipher->key_size});
  if (!may_keep_salt) encryption.salt = random_bytes(encryption.cipher->scheme == Scheme::pbes1 ? 8 : salt_size);
  if (is_pbes2) encryption.iv = random_bytes(encryption.cipher->iv_size);
  const KeyAndIv with = keys_for(encryption, password, keys);
  encrypt_into(out, *encryption.cipher, with, plain);
}

Mac default_mac() { return {.digest = &digest_named("SHA256")}; }

Mac read_mac(asn1::Parser& in) {
  asn1::Parser info = in.sequence();
  asn1::Parser algorithm = info.sequence();
  const ByteView oid = algorithm.next(der::object_identifier).content;
  Mac mac;
  const bool is_pbmac1 = text_of(oid) == pbmac1_oid;
  if (is_pbmac1) {
    read_pbmac1(algorithm.sequence(), mac);
  } else {
    mac.digest = digest_by_oid(oid);
    if (mac.digest == nullptr) fail_unsupported(in.source(), "has a MAC of an unknown kind");
  }
  SecretBytes joined;
  const ByteView value = info.octets(joined);
  if (value.size() != mac.digest->size) in.fail();
  mac.value.assign(value.begin(), value.end());
  if (is_pbmac1) return mac;  // salt and count beside it mean nothing then
  mac.salt = read_salt(in);
  mac.iterations = in.at_end() ? 1 : read_iterations(in);
  return mac;
}

void write(asn1::DerWriter& out, const Mac& mac) {
  const std::size_t end = out.mark();
  out.integer(mac.iterations);
  out.octets(mac.salt);
  const std::size_t info = out.mark();
  out.octets(mac.value);
  const std::size_t algorithm = out.mark();
  if (mac.prf == nullptr) {
    out.empty(asn1::null);
    out.oid(view_of(mac.digest->oid));
  } else {
    out.empty(asn1::null);
    out.oid(view_of(mac.digest->hmac_oid));
    out.wrap(der::sequence, algorithm);
    write_pbkdf2(out, mac.salt, mac.iterations, *mac.prf, mac.key_size);
    out.wrap(der::sequence, algorithm);
    out.oid(view_of(pbmac1_oid));
  }
  out.wrap(der::sequence, algorithm);
  out.wrap(der::sequence, info);
  out.wrap(der::sequence, end);
}

std::string describe(const Mac& mac) {
  const std::string name(mac.digest->name);
  return mac.prf != nullptr ? "PBMAC1 with Hmac" + name : "HmacPBE" + name;
}

bool is_right(const Mac& mac, ByteView content, const Passwords& passwords, DerivedKeys& keys) {
  for (const SecretBytes& password : encodings_for(mac, passwords)) {
    const SecretBytes key = keys.derive(derivation_of(mac, password));
    if (secret_equal(hmac(mac, key, content), mac.value)) return true;
  }
  return false;
}

bool knows(const DerivedKeys& keys, const Mac& mac, const Passwords& passwords) {
  return std::ranges::any_of(encodings_for(mac, passwords),
                             [&](const SecretBytes& password) { return keys.knows(derivation_of(mac, password)); });
}

void begin_renewal(Mac& mac, const Passwords& passwords, const DerivedKeys& keys) {
  const SecretBytes& password = encodings_for(mac, passwords).front();
  if (mac.salt.empty() || !keys.knows(derivation_of(mac, password))) mac.salt = random_bytes(salt_size);
  mac.value.assign(mac.digest->size, 0);
}

void derive_key(const Mac& mac, const Passwords& passwords, DerivedKeys& keys) {
  (void)keys.derive(derivation_of(mac, encodings_for(mac, passwords).front()));
}

void finish_renewal(Mac& mac, ByteView content, const Passwords& passwords, DerivedKeys& keys) {
  mac.value = hmac(mac, keys.derive(derivation_of(mac, encodings_for(mac, passwords).front())), content);
}

}  // namespace chancery::java::pkcs12
