#include "keystore/x509/signature_check.h"

#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "keystore/x509/der.h"

namespace chancery {
namespace {

using namespace std::string_view_literals;

struct Scheme {
  std::string_view algorithm;  // AlgorithmIdentifier
  int key_type;
  const EVP_MD* (*digest)();
};
// ECDSA has no parameters (RFC 5758), RSA an explicit NULL (RFC 4055).
constexpr std::array schemes{
    Scheme{"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"sv, EVP_PKEY_EC, EVP_sha256},
    Scheme{"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03"sv, EVP_PKEY_EC, EVP_sha384},
    Scheme{"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x04"sv, EVP_PKEY_EC, EVP_sha512},
    Scheme{"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00"sv, EVP_PKEY_RSA, EVP_sha256},
    Scheme{"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c\x05\x00"sv, EVP_PKEY_RSA, EVP_sha384},
    Scheme{"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d\x05\x00"sv, EVP_PKEY_RSA, EVP_sha512}};

struct SignedParts {
  ByteView contents;  // TBSCertificate, whole
  ByteView algorithm;
  ByteView signature;
};

// nullopt where it is written in another way than usual, or the two algorithms in it differ.
std::optional<SignedParts> parts_of(ByteView certificate) {
  const auto whole = der::next(certificate, der::sequence);
  if (!whole || !certificate.empty()) return std::nullopt;
  ByteView rest = whole->content;
  const auto contents = der::next(rest, der::sequence);
  const auto algorithm = der::next(rest, der::sequence);
  const auto bits = der::next(rest, der::bit_string);
  if (!contents || !algorithm || !bits || !rest.empty()) return std::nullopt;
  if (bits->content.size() < 2 || bits->content.front() != 0) return std::nullopt;
  ByteView inside = contents->content;
  if (!inside.empty() && inside.front() == der::context_0) (void)der::next(inside, der::context_0);
  const auto serial = der::next(inside, der::integer);
  const auto inner = der::next(inside, der::sequence);
  if (!serial || !inner || !std::ranges::equal(inner->whole, algorithm->whole)) return std::nullopt;
  return SignedParts{contents->whole, algorithm->whole, bits->content.subspan(1)};
}

}  // namespace

std::optional<bool> is_signed_by_key(ByteView certificate_der, EVP_PKEY* key) {
  const auto parts = parts_of(certificate_der);
  if (!parts) return std::nullopt;
  const auto scheme =
      std::ranges::find_if(schemes, [&](const Scheme& each) { return text_of(parts->algorithm) == each.algorithm; });
  if (scheme == schemes.end()) return std::nullopt;
  if (EVP_PKEY_get_base_id(key) != scheme->key_type) return false;
  const ossl::MdCtxPtr context(EVP_MD_CTX_new());
  const bool good = context && EVP_DigestVerifyInit(context.get(), nullptr, scheme->digest(), nullptr, key) == 1 &&
                    EVP_DigestVerify(context.get(), parts->signature.data(), parts->signature.size(),
                                     parts->contents.data(), parts->contents.size()) == 1;
  ERR_clear_error();
  return good;
}

}  // namespace chancery
