#include <openssl/err.h>

#include <algorithm>
#include <limits>

#include "keystore/bytes/text_encoding.h"
#include "keystore/openssl/handles.h"
#include "keystore/openssl/legacy_context.h"
#include "keystore/x509/der.h"
#include "keystore/x509/material_doctor.h"

namespace chancery {
namespace {

constexpr std::uint64_t most_iterations = 5'000'000;  // Java's limit too
constexpr std::size_t largest_key = 64 * 1024;
constexpr std::size_t largest_rsa_number = 8192 / 8 + 1;

// Object identifiers, as DER contents.
constexpr std::string_view rsa_oid = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
constexpr std::string_view rsa_pss_oid = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a";
constexpr std::string_view ec_oid = "\x2a\x86\x48\xce\x3d\x02\x01";
constexpr std::string_view ed25519_oid = "\x2b\x65\x70";
constexpr std::string_view pbkdf2_oid = "\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c";
constexpr std::string_view scrypt_oid = "\x2b\x06\x01\x04\x01\xda\x47\x04\x0b";

SecretBytes identifier(std::string_view oid) { return der::wrapped(der::object_identifier, view_of(oid)); }

// PrivateKeyInfo of RFC 5208, version 0, around an algorithm (whole) and the key's own structure.
SecretBytes as_pkcs8(ByteView algorithm, ByteView key) {
  SecretBytes inside{der::integer, 1, 0};
  append(inside, algorithm);
  append(inside, der::wrapped(der::octet_string, key));
  return der::wrapped(der::sequence, inside);
}

struct PrivateKeyInfo {
  std::string_view oid;
  ByteView algorithm;  // whole
  ByteView key;
};

std::optional<PrivateKeyInfo> parse_pkcs8(ByteView der) {
  const auto outer = der::next(der, der::sequence);
  if (!outer || !der.empty()) return std::nullopt;
  ByteView rest = outer->content;
  const auto version = der::next(rest, der::integer);
  const auto algorithm = der::next(rest, der::sequence);
  const auto key = der::next(rest, der::octet_string);
  if (!version || !algorithm || !key) return std::nullopt;
  ByteView inside = algorithm->content;
  const auto oid = der::next(inside, der::object_identifier);
  if (!oid) return std::nullopt;
  return PrivateKeyInfo{text_of(oid->content), algorithm->whole, key->content};
}

// OpenSSL computes with whatever numbers stand in an RSA key; a prime of a million bits would keep it busy for days.
bool has_bounded_numbers(ByteView rsa_key) {
  const auto outer = der::next(rsa_key, der::sequence);
  if (!outer) return false;
  ByteView rest = outer->content;
  while (!rest.empty()) {
    const auto number = der::next(rest, der::integer);
    if (!number || number->content.size() > largest_rsa_number) return false;
  }
  return true;
}

// A SEC1 key (RFC 5915) as PKCS#8. Its curve stands in it, or in an EC PARAMETERS block before it.
std::optional<SecretBytes> from_sec1(ByteView der, ByteView curve_block) {
  ByteView rest = der;
  const auto outer = der::next(rest, der::sequence);
  if (!outer || !rest.empty()) return std::nullopt;
  ByteView inside = outer->content;
  if (!der::next(inside, der::integer) || !der::next(inside, der::octet_string)) return std::nullopt;
  const auto own_curve = der::next(inside, der::context_0);
  const ByteView curve = own_curve ? own_curve->content : curve_block;
  if (curve.empty()) return std::nullopt;
  SecretBytes algorithm = identifier(ec_oid);
  append(algorithm, curve);
  return as_pkcs8(der::wrapped(der::sequence, algorithm), der);
}

SecretBytes from_pkcs1(ByteView der) {
  SecretBytes algorithm = identifier(rsa_oid);
  append(algorithm, Bytes{0x05, 0x00});
  return as_pkcs8(der::wrapped(der::sequence, algorithm), der);
}

struct FreeInfo {
  void operator()(PKCS8_PRIV_KEY_INFO* info) const noexcept { PKCS8_PRIV_KEY_INFO_free(info); }
};
using InfoPtr = std::unique_ptr<PKCS8_PRIV_KEY_INFO, FreeInfo>;

EVP_PKEY* decoded(ByteView pkcs8) {
  const unsigned char* at = pkcs8.data();
  const InfoPtr info(d2i_PKCS8_PRIV_KEY_INFO(nullptr, &at, static_cast<long>(pkcs8.size())));
  EVP_PKEY* key = info ? EVP_PKCS82PKEY(info.get()) : nullptr;
  ERR_clear_error();
  return key;
}

// The parameters of an AlgorithmIdentifier, where they are a SEQUENCE.
ByteView parameters_of(const X509_ALGOR* algorithm, int& nid) {
  const ASN1_OBJECT* object = nullptr;
  int type = V_ASN1_UNDEF;
  const void* value = nullptr;
  X509_ALGOR_get0(&object, &type, &value, algorithm);
  nid = OBJ_obj2nid(object);
  if (type != V_ASN1_SEQUENCE || value == nullptr) return {};
  const auto* string = static_cast<const ASN1_STRING*>(value);
  ByteView bytes{ASN1_STRING_get0_data(string), static_cast<std::size_t>(ASN1_STRING_length(string))};
  const auto outer = der::next(bytes, der::sequence);
  return outer ? outer->content : ByteView{};
}

std::uint64_t product(std::uint64_t left, std::uint64_t right) {
  if (right != 0 && left > std::numeric_limits<std::uint64_t>::max() / right) {
    return std::numeric_limits<std::uint64_t>::max();
  }
  return left * right;
}

std::optional<std::uint64_t> number_in(ByteView& rest) {
  const auto element = der::next(rest, der::integer);
  return element ? der::small_integer(*element) : std::nullopt;
}

// The key derivation of PBES2 (RFC 8018): PBKDF2's iterations, or for scrypt N*r*p, which costs about the same each.
std::optional<std::uint64_t> derivation_cost(ByteView parameters) {
  const auto derivation = der::next(parameters, der::sequence);
  if (!derivation) return std::nullopt;
  ByteView inside = derivation->content;
  const auto oid = der::next(inside, der::object_identifier);
  const auto arguments = der::next(inside, der::sequence);
  if (!oid || !arguments) return std::nullopt;
  ByteView rest = arguments->content;
  if (!der::next(rest)) return std::nullopt;  // the salt
  if (text_of(oid->content) == pbkdf2_oid) return number_in(rest);
  if (text_of(oid->content) != scrypt_oid) return std::nullopt;
  const auto cost = number_in(rest), block_size = number_in(rest), parallel = number_in(rest);
  if (!cost || !block_size || !parallel) return std::nullopt;
  return product(product(*cost, *block_size), *parallel);
}

std::optional<std::uint64_t> cost_of(const X509_ALGOR* algorithm) {
  int nid = NID_undef;
  ByteView rest = parameters_of(algorithm, nid);
  if (nid == NID_pbes2) return derivation_cost(rest);
  if (!der::next(rest, der::octet_string)) return std::nullopt;  // the salt
  return number_in(rest);
}

std::string way_out(const ReadOptions& options, const char* command) {
  return "give its passphrase with --passphrase-file FILE, or decrypt a copy: `openssl " + std::string(command) +
         " -in " + options.source + " -out " + options.source + ".plain`";
}

std::string_view value_of(std::string_view headers, std::string_view name) {
  std::size_t at = headers.find(name);
  if (at == std::string_view::npos) return {};
  at += name.size();
  const std::size_t end = std::min(headers.find_first_of("\r\n", at), headers.size());
  std::string_view value = headers.substr(at, end - at);
  while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  while (!value.empty() && value.back() == ' ') value.remove_suffix(1);
  return value;
}

struct FreeCipher {
  void operator()(EVP_CIPHER* cipher) const noexcept { EVP_CIPHER_free(cipher); }
};
struct FreeCipherContext {
  void operator()(EVP_CIPHER_CTX* context) const noexcept { EVP_CIPHER_CTX_free(context); }
};

// RFC 1423 with OpenSSL's key derivation: MD5, one round, the IV's first eight bytes as salt.
std::optional<SecretBytes> decrypt_old(const EVP_CIPHER* cipher, const Bytes& iv, ByteView encrypted,
                                       const SecretBytes& passphrase) {
  SecretBytes key(EVP_MAX_KEY_LENGTH);
  SecretBytes plain(encrypted.size() + EVP_MAX_BLOCK_LENGTH);
  const std::unique_ptr<EVP_CIPHER_CTX, FreeCipherContext> context(EVP_CIPHER_CTX_new());
  int size = 0;
  int last = 0;
  const bool opened = context &&
                      EVP_BytesToKey(cipher, EVP_md5(), iv.data(), passphrase.data(),
                                     static_cast<int>(passphrase.size()), 1, key.data(), nullptr) > 0 &&
                      EVP_DecryptInit_ex2(context.get(), cipher, key.data(), iv.data(), nullptr) == 1 &&
                      EVP_DecryptUpdate(context.get(), plain.data(), &size, encrypted.data(),
                                        static_cast<int>(encrypted.size())) == 1 &&
                      EVP_DecryptFinal_ex(context.get(), plain.data() + size, &last) == 1;
  ERR_clear_error();
  if (!opened) return std::nullopt;
  plain.resize(static_cast<std::size_t>(size + last));
  return plain;
}

// Any password-based scheme that OpenSSL knows. The result is wiped on OpenSSL's side as well.
std::optional<SecretBytes> decrypt_pbe(const X509_ALGOR* algorithm, const ASN1_OCTET_STRING* encrypted,
                                       const SecretBytes* passphrase) {
  static const char nothing = 0;
  const char* start = nullptr;
  if (passphrase != nullptr) start = passphrase->empty() ? &nothing : reinterpret_cast<const char*>(passphrase->data());
  unsigned char* plain = nullptr;
  int size = 0;
  const unsigned char* done =
      PKCS12_pbe_crypt_ex(algorithm, start, passphrase == nullptr ? 0 : static_cast<int>(passphrase->size()),
                          ASN1_STRING_get0_data(encrypted), ASN1_STRING_length(encrypted), &plain, &size, 0,
                          ossl::legacy_context(), nullptr);
  ERR_clear_error();
  if (done == nullptr || size < 0) return std::nullopt;
  SecretBytes out(plain, plain + size);
  OPENSSL_clear_free(plain, static_cast<std::size_t>(size));
  return out;
}

}  // namespace

bool is_legacy_encryption(const X509_ALGOR* algorithm) {
  int nid = NID_undef;
  ByteView rest = parameters_of(algorithm, nid);
  if (nid != NID_pbes2) return true;
  if (!der::next(rest)) return true;
  const auto scheme = der::next(rest, der::sequence);
  if (!scheme) return true;
  constexpr std::string_view old_ciphers = "\x2a\x86\x48\x86\xf7\x0d\x03";  // RSADSI's: RC2, RC4, 3DES, RC5
  constexpr std::string_view single_des = "\x2b\x0e\x03\x02";
  ByteView inside = scheme->content;
  const auto oid = der::next(inside, der::object_identifier);
  return !oid || text_of(oid->content).starts_with(old_ciphers) || text_of(oid->content).starts_with(single_des);
}

bool MaterialDoctor::afford(std::uint64_t iterations, const std::string& subject) {
  if (iterations > most_iterations || iterations > budget_) {
    note("too-large", subject, "its password protection asks for too many iterations (at most 5000000 are computed)",
         "export it again with an ordinary number of iterations, for example `-iter 600000`");
    return false;
  }
  budget_ -= iterations;
  return true;
}

bool MaterialDoctor::afford(const X509_ALGOR* algorithm, const std::string& subject) {
  const auto cost = cost_of(algorithm);
  if (cost) return afford(*cost, subject);
  note_damaged(subject, "its password protection is of an unknown kind");
  return false;
}

void MaterialDoctor::take_key(ByteView der, const std::string& subject, ByteView curve) {
  if (der.size() > largest_key)
    return note("too-large", subject, "has a private key of more than 64 KiB", "check the file");
  const ContentKind kind = kind_of(der);
  std::optional<SecretBytes> pkcs8;
  if (kind == ContentKind::pkcs8_key) pkcs8 = secret_copy(der);
  if (kind == ContentKind::pkcs1_key) pkcs8 = from_pkcs1(der);
  if (kind == ContentKind::sec1_key) pkcs8 = from_sec1(der, curve);
  if (kind == ContentKind::encrypted_key) return take_encrypted_key(der, subject);
  if (kind == ContentKind::dsa_key) return note_unused(subject, "is a DSA key, which TLS no longer uses");
  if (!pkcs8) {
    const bool is_other = kind != ContentKind::unknown && kind != ContentKind::sec1_key;
    return note_damaged(subject, is_other ? std::string("is called a private key, but holds ") + name_of(kind)
                                          : "its private key is broken or has no curve");
  }
  const auto info = parse_pkcs8(*pkcs8);
  if (!info) return note_damaged(subject, "its private key is broken, or bytes follow after its end");
  const bool is_rsa = info->oid == rsa_oid || info->oid == rsa_pss_oid;
  if (!is_rsa && info->oid != ec_oid && info->oid != ed25519_oid) {
    return note_unused(subject, "is a private key of a kind that is not used here (only RSA, EC and Ed25519 are)");
  }
  if (is_rsa && !has_bounded_numbers(info->key)) {
    return note("too-large", subject, "is an RSA key that is damaged or larger than 8192 bits",
                "make a key of an ordinary size: `chancery cert csr IDENTITY --key-type rsa-3072`");
  }
  // Rebuilt without what may follow in it (attributes, a public key in version 2): OpenSSL 3.0 refuses the latter.
  EVP_PKEY* key = decoded(as_pkcs8(info->algorithm, info->key));
  if (key == nullptr) return note_damaged(subject, "its private key cannot be decoded");
  found_.keys.push_back(PrivateKey::adopt(key));
}

void MaterialDoctor::take_encrypted_key(ByteView der, const std::string& subject) {
  struct FreeSig {
    void operator()(X509_SIG* sig) const noexcept { X509_SIG_free(sig); }
  };
  const unsigned char* at = der.data();
  const std::unique_ptr<X509_SIG, FreeSig> encrypted(d2i_X509_SIG(nullptr, &at, static_cast<long>(der.size())));
  ERR_clear_error();
  if (!encrypted || at != der.data() + der.size()) return note_damaged(subject, "its encrypted private key is broken");
  if (options_.passphrase == nullptr) {
    return note("key-encrypted", subject, "is an encrypted private key, and no passphrase was given",
                way_out(options_, "pkey"));
  }
  open_encrypted_key(encrypted.get(), options_.passphrase, subject);
}

void MaterialDoctor::open_encrypted_key(const X509_SIG* encrypted, const SecretBytes* passphrase,
                                        const std::string& subject) {
  const X509_ALGOR* algorithm = nullptr;
  const ASN1_OCTET_STRING* bytes = nullptr;
  X509_SIG_get0(encrypted, &algorithm, &bytes);
  if (!afford(algorithm, subject)) return;
  const auto plain = decrypt_pbe(algorithm, bytes, passphrase);
  // Wrong passphrases are found by the padding, and one in 256 of them by what lies behind it.
  if (!plain || kind_of(*plain) != ContentKind::pkcs8_key) {
    return note("key-encrypted", subject, "is an encrypted private key, and the passphrase given does not open it",
                way_out(options_, "pkey"));
  }
  if (is_legacy_encryption(algorithm)) note_legacy(subject);
  take_key(*plain, subject);
}

void MaterialDoctor::take_old_encrypted_key(std::string_view headers, ByteView encrypted, const std::string& subject,
                                            ByteView curve) {
  const std::string_view info = value_of(headers, "DEK-Info:");
  const std::size_t comma = info.find(',');
  if (comma == std::string_view::npos || comma > 40 || info.size() - comma > 2 * EVP_MAX_IV_LENGTH + 1) {
    return note_damaged(subject, "its DEK-Info header is broken");
  }
  const std::string algorithm(info.substr(0, comma));
  Bytes iv;
  try {
    iv = from_hex(info.substr(comma + 1));
  } catch (const Failure&) {
    return note_damaged(subject, "its DEK-Info header is broken");
  }
  const std::unique_ptr<EVP_CIPHER, FreeCipher> cipher(
      EVP_CIPHER_fetch(ossl::legacy_context(), algorithm.c_str(), nullptr));
  ERR_clear_error();
  if (!cipher || EVP_CIPHER_get_mode(cipher.get()) != EVP_CIPH_CBC_MODE || iv.size() < 8 ||
      static_cast<std::size_t>(EVP_CIPHER_get_iv_length(cipher.get())) != iv.size()) {
    return note_damaged(subject, "it is encrypted with an algorithm that is not known");
  }
  if (encrypted.size() > largest_key)
    return note("too-large", subject, "has a private key of more than 64 KiB", "check the file");
  if (options_.passphrase == nullptr) {
    return note("key-encrypted", subject, "is an encrypted private key, and no passphrase was given",
                way_out(options_, "pkey"));
  }
  const auto plain = decrypt_old(cipher.get(), iv, encrypted, *options_.passphrase);
  // One wrong passphrase in 256 leaves padding that looks right; the structure behind it does not.
  if (!plain || kind_of(*plain) == ContentKind::unknown) {
    return note("key-encrypted", subject, "is an encrypted private key, and the passphrase given does not open it",
                way_out(options_, "pkey"));
  }
  note_legacy(subject);
  take_key(*plain, subject, curve);
}

}  // namespace chancery
