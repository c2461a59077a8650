#include "keystore/openssl/digest.h"

#include <openssl/hmac.h>

#include "keystore/bytes/text_encoding.h"
#include "keystore/openssl/handles.h"

namespace chancery {
namespace {

constexpr const char* digest_hint = "the OpenSSL installation of this machine is broken: reinstall libssl3";

// An implicit fetch for every digest costs more than the digest of a certificate, so it is done once.
const EVP_MD* fetched_sha256() {
  static const EVP_MD* const digest = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  if (digest == nullptr) throw ossl::openssl_failure("crypto-failed", "SHA-256", digest_hint);
  return digest;
}

}  // namespace

Sha256 sha256(ByteView bytes) {
  Sha256 out;
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), out.data(), &size, fetched_sha256(), nullptr) != 1 || size != out.size()) {
    throw ossl::openssl_failure("crypto-failed", "SHA-256", digest_hint);
  }
  return out;
}

std::string sha256_hex(ByteView bytes) { return to_hex(sha256(bytes)); }

Sha256 hmac_sha256(ByteView key, ByteView bytes) {
  // OpenSSL takes a null key for "the key of the last call", so an empty one still needs an address.
  static const std::uint8_t empty = 0;
  Sha256 out;
  unsigned size = 0;
  const void* start = key.empty() ? &empty : key.data();
  if (HMAC(fetched_sha256(), start, static_cast<int>(key.size()), bytes.empty() ? &empty : bytes.data(), bytes.size(),
           out.data(), &size) == nullptr ||
      size != out.size()) {
    throw ossl::openssl_failure("crypto-failed", "HMAC-SHA-256", digest_hint);
  }
  return out;
}

}  // namespace chancery
