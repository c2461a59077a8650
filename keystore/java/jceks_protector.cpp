#include "keystore/java/jceks_protector.h"

#include <algorithm>
#include <memory>

#include "keystore/bytes/cursor.h"
#include "keystore/java/format.h"
#include "keystore/java/old_digest.h"
#include "keystore/openssl/handles.h"
#include "keystore/x509/der.h"

namespace chancery::java {
namespace {

constexpr std::size_t salt_size = 8, half_size = salt_size / 2, block_size = 8, key_size = 24;

struct Parameters {
  ByteView salt;
  std::uint64_t iterations;
};

std::optional<Parameters> parse(ByteView der) {
  const auto outer = der::next(der, der::sequence);
  if (!outer || !der.empty()) return std::nullopt;
  ByteView rest = outer->content;
  const auto salt = der::next(rest, der::octet_string);
  const auto count = der::next(rest, der::integer);
  if (!salt || salt->content.size() != salt_size || !count || !rest.empty()) return std::nullopt;
  const auto iterations = der::small_integer(*count);
  if (!iterations || *iterations == 0) return std::nullopt;
  return Parameters{salt->content, *iterations};
}

// Key and IV, one after the other.
SecretBytes derive(const Parameters& parameters, ByteView password) {
  std::array<std::uint8_t, salt_size> salt;
  std::copy(parameters.salt.begin(), parameters.salt.end(), salt.begin());
  if (std::equal(salt.begin(), salt.begin() + half_size, salt.begin() + half_size)) {
    std::reverse(salt.begin(), salt.begin() + half_size);
  }
  OldDigest md5(OldDigest::Kind::md5);
  SecretBytes out;
  out.reserve(2 * Md5().size());
  for (const auto* half = salt.data(); half != salt.data() + salt_size; half += half_size) {
    SecretBytes chain(Md5().size());  // the hash so far, and the password behind it
    append(chain, password);
    const auto hash = std::span(chain).first<Md5().size()>();
    md5.add({half, half_size}).add(password).finish(hash);
    for (std::uint64_t i = 1; i < parameters.iterations; ++i) md5.add(chain).finish(hash);
    append(out, hash);
  }
  return out;
}

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* context) const noexcept { EVP_CIPHER_CTX_free(context); }
};

[[noreturn]] void fail_cipher() {
  throw ossl::openssl_failure("crypto-failed", "Triple DES",
                              "check that OpenSSL's default provider is enabled (`openssl list -providers`)");
}

// nullopt: the padding is wrong, which only decrypting finds.
std::optional<SecretBytes> crypt(bool encrypt, const SecretBytes& key_and_iv, ByteView in) {
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "DES-EDE3-CBC", nullptr);
  const std::unique_ptr<EVP_CIPHER_CTX, FreeCipher> context(EVP_CIPHER_CTX_new());
  SecretBytes out(in.size() + block_size);
  int size = 0, rest = 0;
  if (cipher == nullptr || !context ||
      EVP_CipherInit_ex2(context.get(), cipher, key_and_iv.data(), key_and_iv.data() + key_size, encrypt ? 1 : 0,
                         nullptr) != 1 ||
      EVP_CipherUpdate(context.get(), out.data(), &size, in.data(), static_cast<int>(in.size())) != 1) {
    fail_cipher();
  }
  if (EVP_CipherFinal_ex(context.get(), out.data() + size, &rest) != 1) {
    (void)ossl::drain_errors();
    return std::nullopt;
  }
  out.resize(static_cast<std::size_t>(size + rest));
  return out;
}

}  // namespace

std::optional<std::uint64_t> pbe_iterations(ByteView parameters) {
  const auto parsed = parse(parameters);
  return parsed ? std::optional(parsed->iterations) : std::nullopt;
}

std::optional<SecretBytes> pbe_open(ByteView parameters, ByteView content, ByteView password,
                                    const std::string& subject) {
  const auto parsed = parse(parameters);
  if (!parsed) fail_damaged(subject, "its key has impossible parameters");
  if (parsed->iterations > iteration_limit) {
    fail_hostile(subject, "its key asks for " + std::to_string(parsed->iterations) + " iterations, at most " +
                              std::to_string(iteration_limit) + " are computed");
  }
  if (content.empty() || content.size() % block_size != 0) fail_damaged(subject, "its key is cut");
  return crypt(false, derive(*parsed, password), content);
}

PbeSealed pbe_seal(ByteView plain, ByteView password, std::uint64_t iterations) {
  const SecretBytes salt = random_secret(salt_size);
  SecretBytes number{0};  // a leading zero keeps it positive
  for (std::size_t shift = 64; shift > 0; shift -= 8) {
    const auto byte = static_cast<std::uint8_t>(iterations >> (shift - 8));
    if (number.size() > 1 || byte != 0) number.push_back(byte);
  }
  if (number.size() > 1 && number[1] < 0x80) number.erase(number.begin());
  SecretBytes inside = der::wrapped(der::octet_string, salt);
  append(inside, der::wrapped(der::integer, number));
  std::optional<SecretBytes> content = crypt(true, derive({salt, iterations}, password), plain);
  if (!content) fail_cipher();
  return {.parameters = der::wrapped(der::sequence, inside), .content = std::move(*content)};
}

}  // namespace chancery::java
