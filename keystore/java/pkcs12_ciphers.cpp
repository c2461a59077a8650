#include "keystore/java/pkcs12_ciphers.h"

#include <openssl/err.h>

#include "keystore/bytes/large_memory.h"
#include "keystore/fault.h"
#include "keystore/openssl/handles.h"
#include "keystore/openssl/legacy_context.h"

namespace chancery::java::pkcs12 {
namespace {

using Scheme = Cipher::Scheme;

struct NativeCipher {
  explicit NativeCipher(EVP_CIPHER* fetched) : cipher(fetched) {}
  NativeCipher(const NativeCipher&) = delete;
  NativeCipher& operator=(const NativeCipher&) = delete;
  ~NativeCipher() { EVP_CIPHER_free(cipher); }
  EVP_CIPHER* cipher;
};
struct CipherContext {
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  ~CipherContext() { EVP_CIPHER_CTX_free(context); }
};

NativeCipher fetch(const Cipher& kind) {
  OSSL_LIB_CTX* library = kind.scheme == Scheme::pbes2 ? nullptr : ossl::legacy_context();
  EVP_CIPHER* native = EVP_CIPHER_fetch(library, kind.native, nullptr);
  if (native != nullptr) return NativeCipher(native);
  ERR_clear_error();
  throw Failure({.code = "keystore-unsupported",
                 .subject = std::string(kind.name),
                 .cause = "OpenSSL on this machine cannot do this old encryption",
                 .hint = "install its legacy provider (legacy.so, part of the package of libssl)"});
}

[[noreturn]] void fail_crypto(const Cipher& kind) {
  throw ossl::openssl_failure("crypto-failed", std::string(kind.name),
                              "check the installation of OpenSSL (`openssl list -providers`), then repeat");
}

// How many bytes of `out` were made; `out` has room for them and one block more, or for just as many as there will be.
// nullopt only where `encrypting` is false: the padding is not right.
std::optional<std::size_t> transform(const Cipher& kind, const NativeCipher& native, const KeyAndIv& with, ByteView in,
                                     bool encrypting, std::uint8_t* out) {
  const CipherContext cipher;
  int body = 0;
  int tail = 0;
  const bool ready = cipher.context != nullptr &&
                     EVP_CipherInit_ex2(cipher.context, native.cipher, with.key.data(),
                                        with.iv.empty() ? nullptr : with.iv.data(), encrypting ? 1 : 0, nullptr) == 1 &&
                     EVP_CipherUpdate(cipher.context, out, &body, in.data(), static_cast<int>(in.size())) == 1;
  const bool done = ready && EVP_CipherFinal_ex(cipher.context, out + body, &tail) == 1;
  if (!ready || (!done && encrypting)) fail_crypto(kind);
  ERR_clear_error();
  if (!done) return std::nullopt;
  return static_cast<std::size_t>(body + tail);
}

// Padding fills the last block, or is one.
std::size_t encrypted_size(const NativeCipher& native, std::size_t plain) {
  const auto block = static_cast<std::size_t>(EVP_CIPHER_get_block_size(native.cipher));
  return block <= 1 ? plain : (plain / block + 1) * block;
}

}  // namespace

std::optional<SecretBytes> decrypted(const Cipher& kind, const KeyAndIv& with, ByteView sealed) {
  const NativeCipher native = fetch(kind);
  SecretBytes out;
  reserve_large(out, sealed.size() + EVP_MAX_BLOCK_LENGTH);
  out.resize(sealed.size() + EVP_MAX_BLOCK_LENGTH);
  const auto size = transform(kind, native, with, sealed, false, out.data());
  if (!size) return std::nullopt;
  out.resize(*size);
  return out;
}

void encrypt_into(asn1::DerWriter& out, const Cipher& kind, const KeyAndIv& with, ByteView plain) {
  const NativeCipher native = fetch(kind);
  const std::span<std::uint8_t> sealed = out.space(encrypted_size(native, plain.size()));
  if (transform(kind, native, with, plain, true, sealed.data()) != sealed.size()) fail_crypto(kind);
}

}  // namespace chancery::java::pkcs12
