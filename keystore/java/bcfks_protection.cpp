#include "keystore/java/bcfks_protection.h"

#include <openssl/kdf.h>

#include <array>
#include <span>

#include "keystore/java/bouncy_password.h"
#include "keystore/java/format.h"
#include "keystore/openssl/handles.h"
#include "keystore/x509/der.h"

namespace chancery::java::bcfks {

namespace {

using Oid = std::span<const std::uint8_t>;
constexpr std::array<std::uint8_t, 9> oid_pbes2{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d};
constexpr std::array<std::uint8_t, 9> oid_pbkdf2{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0c};
constexpr std::array<std::uint8_t, 9> oid_scrypt{0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x04, 0x0b};
constexpr std::array<std::uint8_t, 8> oid_hmac_sha512{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x0b};
constexpr std::array<std::uint8_t, 9> oid_hmac_sha3_512{0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x10};
constexpr std::array<std::uint8_t, 9> oid_aes256_ccm{0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x2f};
constexpr std::array<std::uint8_t, 9> oid_aes256_wrap_pad{0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01, 0x30};

constexpr std::size_t salt_size = 64;
constexpr std::size_t key_size = 32;
constexpr std::size_t nonce_size = 12;
constexpr std::size_t tag_size = 8;                // what BouncyCastle writes
constexpr std::size_t default_tag_size = 12;       // RFC 5084, for a missing aes-ICVlen
constexpr std::uint64_t scrypt_memory = 64 << 20;  // bytes; theirs asks for 16 MiB at most unless told otherwise
constexpr std::uint64_t most_lanes = 16;
constexpr std::uint64_t most_block_size = 32;

using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, ossl::Deleter<EVP_CIPHER_CTX_free>>;

bool is(ByteView bytes, Oid oid) { return std::equal(bytes.begin(), bytes.end(), oid.begin(), oid.end()); }

struct Algorithm {
  ByteView oid;
  ByteView parameters;  // whatever follows the OID
};

Algorithm read_algorithm(ByteView whole, const std::string& source) {
  const auto sequence = der::next(whole, der::sequence);
  if (!sequence) fail_damaged(source, "has no algorithm where one must stand");
  ByteView rest = sequence->content;
  const auto oid = der::next(rest, der::object_identifier);
  if (!oid) fail_damaged(source, "has no algorithm where one must stand");
  return {oid->content, rest};
}

std::uint64_t read_number(ByteView& rest, const std::string& source) {
  const auto element = der::next(rest, der::integer);
  const auto value = element ? der::small_integer(*element) : std::nullopt;
  if (!value) fail_hostile(source, "has parameters of its password that are no sensible numbers");
  return *value;
}

ByteView read_octets(ByteView& rest, const std::string& source) {
  const auto element = der::next(rest, der::octet_string);
  if (!element) fail_damaged(source, "has parameters that cannot be read");
  return element->content;
}

SecretBytes oid(Oid value) { return der::wrapped(der::object_identifier, value); }

SecretBytes number(std::uint64_t value) {
  SecretBytes content;
  for (int shift = 56; shift >= 0; shift -= 8) {
    const auto byte = static_cast<std::uint8_t>(value >> static_cast<unsigned>(shift));
    if (!content.empty() || byte != 0 || shift == 0) content.push_back(byte);
  }
  if (content.front() >= 0x80) content.insert(content.begin(), 0);
  return der::wrapped(der::integer, view_of(content));
}

[[noreturn]] void fail_crypto(const std::string& what) {
  throw ossl::openssl_failure("crypto-failed", what, "check the installation of OpenSSL");
}

Derivation::Kind prf_kind(ByteView rest, const std::string& source) {
  if (!rest.empty()) {
    const Algorithm prf = read_algorithm(rest, source);
    if (is(prf.oid, oid_hmac_sha512)) return Derivation::Kind::pbkdf2_sha512;
    if (is(prf.oid, oid_hmac_sha3_512)) return Derivation::Kind::pbkdf2_sha3_512;
  }
  fail_unsupported(source, "derives its keys with a function that is not known here");
}

struct Scheme {
  ParsedDerivation derivation;
  Cipher cipher;
  ByteView nonce;
  std::size_t tag = 0;
};

Scheme read_scheme(ByteView algorithm, const std::string& source) {
  const Algorithm outer = read_algorithm(algorithm, source);
  if (!is(outer.oid, oid_pbes2)) fail_unsupported(source, "is encrypted in a way that is not known here");
  ByteView parameters = outer.parameters;
  const auto pair = der::next(parameters, der::sequence);
  ByteView rest = pair ? pair->content : ByteView{};
  const auto derivation = der::next(rest, der::sequence);
  const auto encryption = der::next(rest, der::sequence);
  if (!derivation || !encryption) fail_damaged(source, "has parameters that cannot be read");
  Scheme scheme{.derivation = read_derivation(derivation->whole, source), .cipher = Cipher::aes256_ccm, .nonce = {}};
  const Algorithm cipher = read_algorithm(encryption->whole, source);
  if (is(cipher.oid, oid_aes256_wrap_pad)) {
    scheme.cipher = Cipher::aes256_wrap_pad;
    return scheme;
  }
  if (!is(cipher.oid, oid_aes256_ccm)) fail_unsupported(source, "is encrypted in a way that is not known here");
  ByteView ccm = cipher.parameters;
  const auto fields = der::next(ccm, der::sequence);
  ByteView field = fields ? fields->content : ByteView{};
  scheme.nonce = read_octets(field, source);
  scheme.tag = field.empty() ? default_tag_size : static_cast<std::size_t>(read_number(field, source));
  if (scheme.nonce.size() < 7 || scheme.nonce.size() > 13 || scheme.tag < 4 || scheme.tag > 16 || scheme.tag % 2 != 0) {
    fail_hostile(source, "has parameters of AES-CCM that cannot be");
  }
  return scheme;
}

std::optional<SecretBytes> open_ccm(const Scheme& scheme, const SecretBytes& key, ByteView sealed) {
  if (sealed.size() < scheme.tag) return std::nullopt;
  const ByteView body = sealed.first(sealed.size() - scheme.tag);
  SecretBytes tag = secret_copy(sealed.last(scheme.tag));
  const CipherContext context(EVP_CIPHER_CTX_new());
  SecretBytes clear(body.size() + 16);
  int written = 0;
  if (!context || EVP_DecryptInit_ex(context.get(), EVP_aes_256_ccm(), nullptr, nullptr, nullptr) != 1 ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_IVLEN, static_cast<int>(scheme.nonce.size()), nullptr) !=
          1 ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, static_cast<int>(tag.size()), tag.data()) != 1 ||
      EVP_DecryptInit_ex(context.get(), nullptr, nullptr, key.data(), scheme.nonce.data()) != 1 ||
      EVP_DecryptUpdate(context.get(), nullptr, &written, nullptr, static_cast<int>(body.size())) != 1 ||
      EVP_DecryptUpdate(context.get(), clear.data(), &written, body.data(), static_cast<int>(body.size())) != 1) {
    (void)ossl::drain_errors();
    return std::nullopt;
  }
  clear.resize(body.size());
  return clear;
}

std::optional<SecretBytes> open_wrapped(const SecretBytes& key, ByteView sealed) {
  const CipherContext context(EVP_CIPHER_CTX_new());
  if (context) EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  SecretBytes clear(sealed.size() + 16);
  int written = 0;
  if (!context || EVP_DecryptInit_ex(context.get(), EVP_aes_256_wrap_pad(), nullptr, key.data(), nullptr) != 1 ||
      EVP_DecryptUpdate(context.get(), clear.data(), &written, sealed.data(), static_cast<int>(sealed.size())) != 1) {
    (void)ossl::drain_errors();
    return std::nullopt;
  }
  clear.resize(static_cast<std::size_t>(written));
  return clear;
}

SecretBytes seal_ccm(const SecretBytes& key, ByteView nonce, ByteView clear) {
  const CipherContext context(EVP_CIPHER_CTX_new());
  SecretBytes out(clear.size() + tag_size);
  int written = 0;
  if (!context || EVP_EncryptInit_ex(context.get(), EVP_aes_256_ccm(), nullptr, nullptr, nullptr) != 1 ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_IVLEN, static_cast<int>(nonce.size()), nullptr) != 1 ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, static_cast<int>(tag_size), nullptr) != 1 ||
      EVP_EncryptInit_ex(context.get(), nullptr, nullptr, key.data(), nonce.data()) != 1 ||
      EVP_EncryptUpdate(context.get(), nullptr, &written, nullptr, static_cast<int>(clear.size())) != 1 ||
      EVP_EncryptUpdate(context.get(), out.data(), &written, clear.data(), static_cast<int>(clear.size())) != 1 ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, static_cast<int>(tag_size),
                          out.data() + clear.size()) != 1) {
    fail_crypto("AES-CCM");
  }
  return out;
}

SecretBytes seal_wrapped(const SecretBytes& key, ByteView clear) {
  const CipherContext context(EVP_CIPHER_CTX_new());
  if (context) EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  SecretBytes out(clear.size() + 24);
  int written = 0;
  if (!context || EVP_EncryptInit_ex(context.get(), EVP_aes_256_wrap_pad(), nullptr, key.data(), nullptr) != 1 ||
      EVP_EncryptUpdate(context.get(), out.data(), &written, clear.data(), static_cast<int>(clear.size())) != 1) {
    fail_crypto("AES key wrap");
  }
  out.resize(static_cast<std::size_t>(written));
  return out;
}

}  // namespace

ParsedDerivation read_derivation(ByteView algorithm, const std::string& source) {
  const Algorithm function = read_algorithm(algorithm, source);
  ByteView parameters = function.parameters;
  const auto fields = der::next(parameters, der::sequence);
  if (!fields) fail_damaged(source, "has parameters that cannot be read");
  ByteView rest = fields->content;
  ParsedDerivation parsed{.derivation = {}, .salt = read_octets(rest, source), .key_length = {}};
  Derivation& derivation = parsed.derivation;
  const auto read_key_length = [&] {
    if (!rest.empty() && rest[0] == der::integer) parsed.key_length = read_number(rest, source);
  };
  if (is(function.oid, oid_scrypt)) {
    derivation.kind = Derivation::Kind::scrypt;
    derivation.cost = read_number(rest, source);
    derivation.block_size = read_number(rest, source);
    derivation.lanes = read_number(rest, source);
    read_key_length();
    if (derivation.cost < 2 || derivation.cost > scrypt_memory || derivation.block_size < 1 ||
        derivation.block_size > most_block_size || derivation.lanes < 1 || derivation.lanes > most_lanes ||
        derivation.cost * derivation.block_size * 128 > scrypt_memory) {
      fail_hostile(source, "asks for more memory or work for its password than any program uses");
    }
    return parsed;
  }
  if (!is(function.oid, oid_pbkdf2)) fail_unsupported(source, "derives its keys in a way that is not known here");
  derivation.iterations = read_number(rest, source);
  if (derivation.iterations == 0 || derivation.iterations > iteration_limit) {
    fail_hostile(source, "asks for " + std::to_string(derivation.iterations) + " iterations of its password; at most " +
                             std::to_string(iteration_limit) + " are computed");
  }
  read_key_length();
  derivation.kind = prf_kind(rest, source);
  return parsed;
}

SecretBytes write_derivation(const Derivation& derivation, ByteView salt, std::size_t key_length) {
  const SecretBytes salted = der::wrapped(der::octet_string, salt);
  const SecretBytes length = number(key_length);
  if (derivation.kind == Derivation::Kind::scrypt) {
    const SecretBytes parameters =
        der::sequence_of({view_of(salted), view_of(number(derivation.cost)), view_of(number(derivation.block_size)),
                          view_of(number(derivation.lanes)), view_of(length)});
    return der::sequence_of({view_of(oid(oid_scrypt)), view_of(parameters)});
  }
  constexpr std::array<std::uint8_t, 2> null{0x05, 0x00};
  const Oid prf_oid =
      derivation.kind == Derivation::Kind::pbkdf2_sha512 ? Oid(oid_hmac_sha512) : Oid(oid_hmac_sha3_512);
  const SecretBytes prf = der::sequence_of({view_of(oid(prf_oid)), null});
  const SecretBytes parameters =
      der::sequence_of({view_of(salted), view_of(number(derivation.iterations)), view_of(length), view_of(prf)});
  return der::sequence_of({view_of(oid(oid_pbkdf2)), view_of(parameters)});
}

SecretBytes derive(const ParsedDerivation& how, const SecretBytes& password, std::string_view purpose,
                   std::size_t key_length) {
  SecretBytes whole = bouncy_password(password);
  append(whole, view_of(bouncy_password(view_of(purpose))));
  SecretBytes key(key_length);
  const auto* text = reinterpret_cast<const char*>(whole.data());
  if (how.derivation.kind == Derivation::Kind::scrypt) {
    // Their code gives the block size in the place of the parallelization too, whatever the file says of it.
    if (EVP_PBE_scrypt(text, whole.size(), how.salt.data(), how.salt.size(), how.derivation.cost,
                       how.derivation.block_size, how.derivation.block_size, 2 * scrypt_memory, key.data(),
                       key.size()) != 1) {
      fail_crypto("scrypt");
    }
    return key;
  }
  const EVP_MD* digest = how.derivation.kind == Derivation::Kind::pbkdf2_sha512 ? EVP_sha512() : EVP_sha3_512();
  if (PKCS5_PBKDF2_HMAC(text, static_cast<int>(whole.size()), how.salt.data(), static_cast<int>(how.salt.size()),
                        static_cast<int>(how.derivation.iterations), digest, static_cast<int>(key.size()),
                        key.data()) != 1) {
    fail_crypto("PBKDF2");
  }
  return key;
}

Protection protection_of(ByteView algorithm, const std::string& source) {
  const Scheme scheme = read_scheme(algorithm, source);
  return {.derivation = scheme.derivation.derivation, .cipher = scheme.cipher};
}

std::optional<SecretBytes> opened(ByteView algorithm, ByteView sealed, const SecretBytes& password,
                                  std::string_view purpose, const std::string& source) {
  const Scheme scheme = read_scheme(algorithm, source);
  const SecretBytes key = derive(scheme.derivation, password, purpose, key_size);
  return scheme.cipher == Cipher::aes256_ccm ? open_ccm(scheme, key, sealed) : open_wrapped(key, sealed);
}

Sealed sealed(const Protection& how, ByteView clear, const SecretBytes& password, std::string_view purpose) {
  const SecretBytes salt = random_secret(salt_size);
  const ParsedDerivation derivation{.derivation = how.derivation, .salt = view_of(salt), .key_length = key_size};
  const SecretBytes key = derive(derivation, password, purpose, key_size);
  const SecretBytes function = write_derivation(how.derivation, view_of(salt), key_size);
  if (how.cipher == Cipher::aes256_wrap_pad) {
    const SecretBytes cipher = der::sequence_of({view_of(oid(oid_aes256_wrap_pad))});
    const SecretBytes parameters = der::sequence_of({view_of(function), view_of(cipher)});
    return {.algorithm = der::sequence_of({view_of(oid(oid_pbes2)), view_of(parameters)}),
            .bytes = seal_wrapped(key, clear)};
  }
  const SecretBytes nonce = random_secret(nonce_size);
  const SecretBytes ccm =
      der::sequence_of({view_of(der::wrapped(der::octet_string, view_of(nonce))), view_of(number(tag_size))});
  const SecretBytes cipher = der::sequence_of({view_of(oid(oid_aes256_ccm)), view_of(ccm)});
  const SecretBytes parameters = der::sequence_of({view_of(function), view_of(cipher)});
  return {.algorithm = der::sequence_of({view_of(oid(oid_pbes2)), view_of(parameters)}),
          .bytes = seal_ccm(key, view_of(nonce), clear)};
}

}  // namespace chancery::java::bcfks
