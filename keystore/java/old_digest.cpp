#include "keystore/java/old_digest.h"

#include "keystore/openssl/handles.h"

namespace chancery::java {
namespace {

[[noreturn]] void fail(OldDigest::Kind kind) {
  throw ossl::openssl_failure("crypto-failed", kind == OldDigest::Kind::sha1 ? "SHA-1" : "MD5",
                              "check that OpenSSL's default provider is enabled (`openssl list -providers`)");
}

const EVP_MD* fetched(OldDigest::Kind kind) {
  static const EVP_MD* const sha1 = EVP_MD_fetch(nullptr, "SHA1", nullptr);
  if (kind == OldDigest::Kind::sha1) return sha1;
  static const EVP_MD* const md5 = EVP_MD_fetch(nullptr, "MD5", nullptr);
  return md5;
}

}  // namespace

void OldDigest::Free::operator()(evp_md_ctx_st* context) const noexcept { EVP_MD_CTX_free(context); }

OldDigest::OldDigest(Kind kind) : kind_(kind), context_(EVP_MD_CTX_new()) {
  const EVP_MD* digest = fetched(kind);
  if (digest == nullptr || !context_ || EVP_DigestInit_ex2(context_.get(), digest, nullptr) != 1) fail(kind);
}

OldDigest& OldDigest::add(ByteView bytes) {
  if (EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) != 1) fail(kind_);
  return *this;
}

void OldDigest::finish(std::span<std::uint8_t> out) {
  unsigned size = 0;
  if (out.size() < static_cast<std::size_t>(EVP_MD_CTX_get_size(context_.get())) ||
      EVP_DigestFinal_ex(context_.get(), out.data(), &size) != 1 || size != out.size() ||
      EVP_DigestInit_ex2(context_.get(), nullptr, nullptr) != 1) {
    fail(kind_);
  }
}

}  // namespace chancery::java
