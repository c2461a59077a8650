#include "appliance/keytool/signing.h"

#include <openssl/core_names.h>
#include <openssl/dsa.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#include <array>

#include "appliance/keytool/certificate_view.h"
#include "appliance/keytool/der_writing.h"
#include "appliance/keytool/java_ways.h"
#include "keystore/openssl/handles.h"
#include "keystore/x509/der.h"

namespace chancery::keytool {
namespace {

constexpr int smallest_rsa = 512;
constexpr int largest_rsa = 16384;
constexpr int default_rsa = 2048;
constexpr int default_dsa = 2048;
constexpr int default_ec = 256;

struct Group {
  const char* name;
  const char* openssl;
};
constexpr std::array groups = {
    Group{"secp256r1", "P-256"},        Group{"prime256v1", "P-256"}, Group{"NIST P-256", "P-256"},
    Group{"X9.62 prime256v1", "P-256"}, Group{"secp384r1", "P-384"},  Group{"NIST P-384", "P-384"},
    Group{"secp521r1", "P-521"},        Group{"NIST P-521", "P-521"},
};

void check(bool fine, const char* what) {
  if (!fine) {
    ERR_clear_error();
    fail_as("java.security.ProviderException", what);
  }
}

evp_pkey_st* generate_rsa(int bits) {
  if (bits == -1) bits = default_rsa;
  if (bits < smallest_rsa || bits > largest_rsa) fail_as("java.lang.IllegalArgumentException", "Invalid key sizes");
  EVP_PKEY* key = EVP_RSA_gen(static_cast<unsigned>(bits));
  check(key != nullptr, "the key could not be made");
  return key;
}

evp_pkey_st* generate_ec(const KeyWish& wish) {
  const std::string group = wish.group ? *wish.group : curve_of_size(wish.size == -1 ? default_ec : wish.size);
  for (const Group& known : groups) {
    if (!equal_ignoring_case(known.name, group)) continue;
    EVP_PKEY* key = EVP_EC_gen(known.openssl);
    check(key != nullptr, "the key could not be made");
    return key;
  }
  fail_as("java.lang.IllegalArgumentException", "Unsupported curve: " + group);
}

// With parameters of its own (FIPS 186-4), where Java takes the same ones for everybody.
evp_pkey_st* generate_dsa(int bits) {
  if (bits == -1) bits = default_dsa;
  if (bits != 1024 && bits != 2048 && bits != 3072) {
    fail_as("java.security.InvalidParameterException",
            "Modulus size " + std::to_string(bits) + " not supported: it must be 1024, 2048, or 3072");
  }
  const int subprime = bits == 1024 ? 160 : bits == 2048 ? 224 : 256;
  const auto context_for = [](EVP_PKEY_CTX* made) {
    return std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)>(made, EVP_PKEY_CTX_free);
  };
  const auto making = context_for(EVP_PKEY_CTX_new_from_name(nullptr, "DSA", nullptr));
  EVP_PKEY* parameters = nullptr;
  check(making && EVP_PKEY_paramgen_init(making.get()) == 1 &&
            EVP_PKEY_CTX_set_dsa_paramgen_bits(making.get(), bits) == 1 &&
            EVP_PKEY_CTX_set_dsa_paramgen_q_bits(making.get(), subprime) == 1 &&
            EVP_PKEY_paramgen(making.get(), &parameters) == 1,
        "the parameters of the key could not be made");
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> kept(parameters, EVP_PKEY_free);
  const auto drawing = context_for(EVP_PKEY_CTX_new_from_pkey(nullptr, parameters, nullptr));
  EVP_PKEY* key = nullptr;
  check(drawing && EVP_PKEY_keygen_init(drawing.get()) == 1 && EVP_PKEY_keygen(drawing.get(), &key) == 1,
        "the key could not be made");
  return key;
}

const EVP_MD* digest_of(const std::string& signature) {
  if (signature.starts_with("SHA1with")) return EVP_sha1();
  if (signature.starts_with("SHA224with")) return EVP_sha224();
  if (signature.starts_with("SHA256with")) return EVP_sha256();
  if (signature.starts_with("SHA384with")) return EVP_sha384();
  if (signature.starts_with("SHA512with")) return EVP_sha512();
  if (signature.starts_with("MD5with")) return EVP_md5();
  return nullptr;
}

const char* key_of(const std::string& signature) {
  if (signature.ends_with("withRSA")) return "RSA";
  if (signature.ends_with("withECDSA")) return "EC";
  if (signature.ends_with("withDSA")) return "DSA";
  if (signature == "Ed25519") return "ED25519";
  return "ED448";
}

// As it is written in certificates, whatever case it was given in.
std::string proper_name(const std::string& signature) {
  const Bytes oid = signature_oid(signature);
  const std::string name = oid.empty() ? "" : signature_name(oid);
  const bool is_usable = digest_of(name) != nullptr || name == "Ed25519" || name == "Ed448";
  if (!is_usable) fail_as("java.security.NoSuchAlgorithmException", signature + " Signature not available");
  return name;
}

}  // namespace

std::string curve_of_size(int bits) {
  switch (bits) {
    case 256:
      return "secp256r1";
    case 384:
      return "secp384r1";
    case 521:
      return "secp521r1";
    default:
      fail_as("java.security.InvalidParameterException",
              "Curve for key size " + std::to_string(bits) + " not supported");
  }
}

SigningKey::SigningKey(evp_pkey_st* key) : key_(key, EVP_PKEY_free) {}

SigningKey SigningKey::generate(const KeyWish& wish) {
  const std::string kind = lower_ascii(wish.algorithm);
  if (wish.group && kind != "ec") {
    fail_as("java.lang.IllegalArgumentException", "KeyPairGenerator.getInstance(" + wish.algorithm + ") has no groups");
  }
  if (kind == "rsa") return SigningKey(generate_rsa(wish.size));
  if (kind == "ec") return SigningKey(generate_ec(wish));
  if (kind == "dsa") return SigningKey(generate_dsa(wish.size));
  const bool is_448 = kind == "ed448" || (kind == "eddsa" && wish.size == 448);
  if (kind == "eddsa" || kind == "ed25519" || kind == "ed448") {
    EVP_PKEY* key = EVP_PKEY_Q_keygen(nullptr, nullptr, is_448 ? "ED448" : "ED25519");
    check(key != nullptr, "the key could not be made");
    return SigningKey(key);
  }
  fail_as("java.security.NoSuchAlgorithmException", wish.algorithm + " KeyPairGenerator not available");
}

SigningKey SigningKey::from_pkcs8(ByteView pkcs8) {
  const unsigned char* at = pkcs8.data();
  PKCS8_PRIV_KEY_INFO* info = d2i_PKCS8_PRIV_KEY_INFO(nullptr, &at, static_cast<long>(pkcs8.size()));
  EVP_PKEY* key = info == nullptr ? nullptr : EVP_PKCS82PKEY(info);
  PKCS8_PRIV_KEY_INFO_free(info);
  if (key == nullptr) {
    ERR_clear_error();
    fail_as("java.security.UnrecoverableKeyException", "the key is of a kind that is not known here");
  }
  return SigningKey(key);
}

Bytes SigningKey::public_info() const {
  unsigned char* encoded = nullptr;
  const int size = i2d_PUBKEY(key_.get(), &encoded);
  check(size > 0, "the public key could not be encoded");
  Bytes out(encoded, encoded + size);
  OPENSSL_free(encoded);
  return out;
}

SecretBytes SigningKey::pkcs8() const {
  PKCS8_PRIV_KEY_INFO* info = EVP_PKEY2PKCS8(key_.get());
  check(info != nullptr, "the key could not be encoded");
  unsigned char* encoded = nullptr;
  const int size = i2d_PKCS8_PRIV_KEY_INFO(info, &encoded);
  PKCS8_PRIV_KEY_INFO_free(info);
  check(size > 0, "the key could not be encoded");
  SecretBytes out(encoded, encoded + size);
  OPENSSL_clear_free(encoded, static_cast<std::size_t>(size));
  return out;
}

std::string SigningKey::default_signature() const {
  const int bits = EVP_PKEY_get_bits(key_.get());
  if (EVP_PKEY_is_a(key_.get(), "RSA") == 1) {
    return bits > 7680 ? "SHA512withRSA" : bits > 3072 ? "SHA384withRSA" : "SHA256withRSA";
  }
  if (EVP_PKEY_is_a(key_.get(), "EC") == 1) {
    return bits >= 512 ? "SHA512withECDSA" : bits >= 384 ? "SHA384withECDSA" : "SHA256withECDSA";
  }
  if (EVP_PKEY_is_a(key_.get(), "DSA") == 1) return "SHA256withDSA";
  if (EVP_PKEY_is_a(key_.get(), "ED25519") == 1) return "Ed25519";
  if (EVP_PKEY_is_a(key_.get(), "ED448") == 1) return "Ed448";
  fail_plain("Cannot derive signature algorithm");
}

Bytes SigningKey::sign(ByteView message, const std::string& signature) const {
  const std::string name = proper_name(signature);
  if (EVP_PKEY_is_a(key_.get(), key_of(name)) != 1) {
    fail_as("java.security.InvalidKeyException", "Supplied key is not a key for " + name);
  }
  const ossl::MdCtxPtr context(EVP_MD_CTX_new());
  std::size_t size = 0;
  check(context && EVP_DigestSignInit(context.get(), nullptr, digest_of(name), nullptr, key_.get()) == 1 &&
            EVP_DigestSign(context.get(), nullptr, &size, message.data(), message.size()) == 1,
        "the signature could not be made");
  Bytes out(size);
  check(EVP_DigestSign(context.get(), out.data(), &size, message.data(), message.size()) == 1,
        "the signature could not be made");
  out.resize(size);
  return out;
}

Bytes signature_algorithm_der(const std::string& signature) {
  const std::string name = proper_name(signature);
  const Bytes oid = der_element(der::object_identifier, signature_oid(name));
  if (!name.ends_with("withRSA")) return der_sequence({oid});
  return der_sequence({oid, der_element(0x05, {})});
}

Bytes signed_der(ByteView body, const SigningKey& key, const std::string& signature) {
  const Bytes value = key.sign(body, signature);
  Bytes bits{0};
  bits.insert(bits.end(), value.begin(), value.end());
  return der_sequence({body, signature_algorithm_der(signature), der_element(der::bit_string, bits)});
}

}  // namespace chancery::keytool
