#include "keystore/x509/private_key.h"

#include <openssl/err.h>
#include <openssl/rsa.h>

#include <array>

#include "keystore/x509/key_description.h"
#include "keystore/x509/pem.h"
#include "keystore/x509/public_key.h"

namespace chancery {
namespace {

struct KeyTypeName {
  std::string_view name;
  KeyType type;
};
constexpr std::array<KeyTypeName, 7> key_type_names{{{"ecdsa-p256", KeyType::ecdsa_p256},
                                                     {"ecdsa-p384", KeyType::ecdsa_p384},
                                                     {"ecdsa-p521", KeyType::ecdsa_p521},
                                                     {"rsa-2048", KeyType::rsa_2048},
                                                     {"rsa-3072", KeyType::rsa_3072},
                                                     {"rsa-4096", KeyType::rsa_4096},
                                                     {"ed25519", KeyType::ed25519}}};

constexpr const char* broken_hint = "check the installation of OpenSSL (`openssl list -providers`), then repeat";

Failure not_a_key(std::string cause) {
  return Failure({.code = "not-a-key",
                  .subject = "private key",
                  .cause = std::move(cause),
                  .hint = "give the unencrypted PKCS#8 key that was written here, or restore it from a backup set"});
}

EVP_PKEY* new_key(KeyType type) {
  switch (type) {
    case KeyType::ecdsa_p256:
      return EVP_EC_gen("P-256");
    case KeyType::ecdsa_p384:
      return EVP_EC_gen("P-384");
    case KeyType::ecdsa_p521:
      return EVP_EC_gen("P-521");
    case KeyType::rsa_2048:
      return EVP_RSA_gen(2048);
    case KeyType::rsa_3072:
      return EVP_RSA_gen(3072);
    case KeyType::rsa_4096:
      return EVP_RSA_gen(4096);
    case KeyType::ed25519:
      return EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  }
  return nullptr;
}

bool is_edwards(const EVP_PKEY* key) {
  return EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 || EVP_PKEY_get_base_id(key) == EVP_PKEY_ED448;
}

// RSA as PSS with a salt as long as the digest; the others have nothing to choose.
bool set_padding(EVP_PKEY_CTX* context, const EVP_PKEY* key) {
  if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA) return true;
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
}

bool verify_with(EVP_PKEY* key, ByteView message, ByteView signature) {
  const ossl::MdCtxPtr context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* inner = nullptr;
  const char* digest = is_edwards(key) ? nullptr : "SHA256";
  const bool fine =
      context && EVP_DigestVerifyInit_ex(context.get(), &inner, digest, nullptr, nullptr, key, nullptr) == 1 &&
      set_padding(inner, key) &&
      EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(), message.size()) == 1;
  ERR_clear_error();
  return fine;
}

}  // namespace

KeyType key_type_from_name(std::string_view name) {
  for (const KeyTypeName& known : key_type_names) {
    if (known.name == name) return known.type;
  }
  throw Failure({.code = "bad-key-type",
                 .subject = std::string(name.substr(0, 40)),
                 .cause = "this type of key is not known",
                 .hint = "choose one of ecdsa-p256, ecdsa-p384, ecdsa-p521, rsa-2048, rsa-3072, rsa-4096, ed25519"});
}

PrivateKey PrivateKey::generate(KeyType type) {
  EVP_PKEY* key = new_key(type);
  if (key == nullptr) throw ossl::openssl_failure("crypto-failed", "new private key", broken_hint);
  return adopt(key);
}

PrivateKey PrivateKey::adopt(evp_pkey_st* key) {
  if (key == nullptr) throw not_a_key("there is no key");
  return PrivateKey(std::shared_ptr<evp_pkey_st>(key, EVP_PKEY_free));
}

PrivateKey PrivateKey::from_pem(ByteView pem) {
  SecretBytes der;
  if (!pem.empty() && pem[0] == 0x30 && text_of(pem).find("-----BEGIN") == std::string_view::npos) {
    der = secret_copy(pem);
  } else {
    pem::Scanner scanner(pem);
    const auto block = scanner.next();
    if (!block) throw not_a_key("this is not a private key in PEM");
    if (block->label != "PRIVATE KEY") throw not_a_key("this PEM block is not an unencrypted PKCS#8 key");
    auto decoded = block->is_closed ? pem::decode(block->body) : std::nullopt;
    if (!decoded) throw not_a_key("the PEM block of the key is damaged");
    der = std::move(*decoded);
  }
  struct Free {
    void operator()(PKCS8_PRIV_KEY_INFO* info) const noexcept { PKCS8_PRIV_KEY_INFO_free(info); }
  };
  const unsigned char* at = der.data();
  const std::unique_ptr<PKCS8_PRIV_KEY_INFO, Free> info(
      d2i_PKCS8_PRIV_KEY_INFO(nullptr, &at, static_cast<long>(der.size())));
  if (!info || at != der.data() + der.size()) {
    ERR_clear_error();
    throw not_a_key("the key is not PKCS#8");
  }
  EVP_PKEY* key = EVP_PKCS82PKEY(info.get());
  if (key == nullptr) throw not_a_key("the key cannot be used: " + ossl::drain_errors());
  ERR_clear_error();
  return adopt(key);
}

PrivateKey PrivateKey::from_ed25519_seed(ByteView seed32) {
  if (seed32.size() != 32) throw not_a_key("an Ed25519 seed has 32 bytes");
  EVP_PKEY* key = EVP_PKEY_new_raw_private_key_ex(nullptr, "ED25519", nullptr, seed32.data(), seed32.size());
  if (key == nullptr) throw ossl::openssl_failure("crypto-failed", "Ed25519 key", broken_hint);
  return adopt(key);
}

KeyDescription PrivateKey::description() const { return describe(key_.get()); }

Bytes PrivateKey::public_key_der() const {
  unsigned char* encoded = nullptr;
  const int size = i2d_PUBKEY(key_.get(), &encoded);
  if (size <= 0) throw ossl::openssl_failure("crypto-failed", "public key", broken_hint);
  Bytes out(encoded, encoded + size);
  OPENSSL_free(encoded);
  return out;
}

Sha256 PrivateKey::key_digest() const { return sha256(public_key_der()); }

bool PrivateKey::belongs_to(const Certificate& certificate) const {
  EVP_PKEY* theirs = X509_get0_pubkey(certificate.native());
  const bool equal = theirs != nullptr && EVP_PKEY_eq(key_.get(), theirs) == 1;
  ERR_clear_error();
  if (!equal) return false;
  // A key file carries its public half beside the private one, and the two can disagree: only a signature proves it.
  if (EVP_PKEY_can_sign(key_.get()) != 1) return true;
  constexpr std::string_view probe = "chancery: does this key belong to this certificate";
  try {
    return verify_with(theirs, view_of(probe), sign(view_of(probe)));
  } catch (const Failure&) {
    return false;
  }
}

SecretBytes PrivateKey::to_pem() const {
  struct Free {
    void operator()(PKCS8_PRIV_KEY_INFO* info) const noexcept { PKCS8_PRIV_KEY_INFO_free(info); }
  };
  const std::unique_ptr<PKCS8_PRIV_KEY_INFO, Free> info(EVP_PKEY2PKCS8(key_.get()));
  const int size = info ? i2d_PKCS8_PRIV_KEY_INFO(info.get(), nullptr) : 0;
  if (size <= 0) throw ossl::openssl_failure("crypto-failed", "private key", broken_hint);
  SecretBytes der(static_cast<std::size_t>(size));
  unsigned char* at = der.data();
  i2d_PKCS8_PRIV_KEY_INFO(info.get(), &at);
  return pem::encode_secret("PRIVATE KEY", der);
}

Bytes PrivateKey::sign(ByteView message) const {
  const ossl::MdCtxPtr context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* inner = nullptr;
  const char* digest = is_edwards(key_.get()) ? nullptr : "SHA256";
  std::size_t size = 0;
  const auto failed = [] { return ossl::openssl_failure("crypto-failed", "signature", broken_hint); };
  if (!context || EVP_DigestSignInit_ex(context.get(), &inner, digest, nullptr, nullptr, key_.get(), nullptr) != 1 ||
      !set_padding(inner, key_.get()) ||
      EVP_DigestSign(context.get(), nullptr, &size, message.data(), message.size()) != 1) {
    throw failed();
  }
  Bytes out(size);
  if (EVP_DigestSign(context.get(), out.data(), &size, message.data(), message.size()) != 1) throw failed();
  out.resize(size);
  return out;
}

evp_pkey_st* PrivateKey::native() const noexcept { return key_.get(); }

bool verify_signature(ByteView public_key_der, ByteView message, ByteView signature) noexcept {
  try {
    const ossl::KeyPtr key = decode_public_key(public_key_der);
    ERR_clear_error();
    return key && verify_with(key.get(), message, signature);
  } catch (const Failure&) {
    return false;
  }
}

}  // namespace chancery
