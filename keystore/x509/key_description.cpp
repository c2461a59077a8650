#include "keystore/x509/key_description.h"

#include <openssl/core_names.h>
#include <openssl/err.h>

namespace chancery {
namespace {

std::string curve_name(const EVP_PKEY* key) {
  int is_explicit = 0;
  if (EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &is_explicit) == 1 &&
      is_explicit != 0) {
    return "explicit";  // RFC 5480 forbids it, and many peers refuse it
  }
  char name[80];
  std::size_t size = 0;
  if (EVP_PKEY_get_group_name(key, name, sizeof name, &size) != 1) return "unknown";
  const std::string_view curve(name, size);
  if (curve == "prime256v1") return "P-256";
  if (curve == "secp384r1") return "P-384";
  if (curve == "secp521r1") return "P-521";
  return std::string(curve);
}

std::string type_name(const EVP_PKEY* key) {
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
      return "RSA";
    case EVP_PKEY_RSA_PSS:
      return "RSA-PSS";
    case EVP_PKEY_EC:
      return "EC " + curve_name(key);
    case EVP_PKEY_ED25519:
      return "Ed25519";
    case EVP_PKEY_ED448:
      return "Ed448";
    default: {
      const char* name = EVP_PKEY_get0_type_name(key);
      return name != nullptr ? name : "unknown";
    }
  }
}

}  // namespace

KeyDescription describe(const EVP_PKEY* key) {
  KeyDescription out{type_name(key), EVP_PKEY_get_bits(key)};
  ERR_clear_error();
  return out;
}

KeyDescription describe(X509_PUBKEY* key) {
  const EVP_PKEY* decoded = key == nullptr ? nullptr : X509_PUBKEY_get0(key);
  if (decoded != nullptr) return describe(decoded);
  ERR_clear_error();
  ASN1_OBJECT* algorithm = nullptr;
  if (key == nullptr || X509_PUBKEY_get0_param(&algorithm, nullptr, nullptr, nullptr, key) != 1) return {"unknown", 0};
  char text[128];
  const int size = OBJ_obj2txt(text, sizeof text, algorithm, 0);
  return {size > 0 ? text : "unknown", 0};
}

}  // namespace chancery
