#include "keystore/x509/public_key.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include <array>
#include <string_view>

namespace chancery {
namespace {

// Almost every key is an uncompressed point on one of three curves, behind one of three known beginnings.
struct Curve {
  const char* name;
  std::string_view beginning;  // SubjectPublicKeyInfo up to the point
  std::size_t point;
};
using namespace std::string_view_literals;
constexpr std::array curves{
    Curve{"P-256",
          "\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00"sv,
          65},
    Curve{"P-384", "\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22\x03\x62\x00"sv,
          97},
    Curve{"P-521",
          "\x30\x81\x9b\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x23\x03\x81\x86\x00"sv,
          133}};

// A curve's parameters without a point. To make them is dearer than to copy them.
EVP_PKEY* bare_key(const Curve& curve) {
  const auto made = [](const Curve& of) {
    const std::array parameters{
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, const_cast<char*>(of.name), 0),
        OSSL_PARAM_construct_end()};
    const ossl::KeyCtxPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
    EVP_PKEY* key = nullptr;
    if (!context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEY_PARAMETERS, const_cast<OSSL_PARAM*>(parameters.data())) !=
            1) {
      throw ossl::openssl_failure("crypto-failed", of.name, "check the installation of OpenSSL");
    }
    return ossl::KeyPtr(key);
  };
  static const std::array<ossl::KeyPtr, 3> all{made(curves[0]), made(curves[1]), made(curves[2])};
  return all.at(static_cast<std::size_t>(&curve - curves.data())).get();
}

ossl::KeyPtr point_key(ByteView public_key_der) {
  constexpr std::uint8_t uncompressed = 0x04;
  for (const Curve& curve : curves) {
    if (public_key_der.size() != curve.beginning.size() + curve.point ||
        !text_of(public_key_der).starts_with(curve.beginning)) {
      continue;
    }
    const ByteView point = public_key_der.subspan(curve.beginning.size());
    if (point.front() != uncompressed) break;
    ossl::KeyPtr key(EVP_PKEY_dup(bare_key(curve)));
    if (key && EVP_PKEY_set1_encoded_public_key(key.get(), point.data(), point.size()) == 1) return key;
    break;  // not on the curve: as any other that cannot be read
  }
  return nullptr;
}

constexpr auto ed25519_beginning = "\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"sv;
constexpr std::size_t ed25519_size = 32;

}  // namespace

ossl::KeyPtr decode_public_key(ByteView public_key_der) {
  if (ossl::KeyPtr key = point_key(public_key_der)) return key;
  if (public_key_der.size() == ed25519_beginning.size() + ed25519_size &&
      text_of(public_key_der).starts_with(ed25519_beginning)) {
    return ossl::KeyPtr(EVP_PKEY_new_raw_public_key_ex(nullptr, "ED25519", nullptr,
                                                       public_key_der.data() + ed25519_beginning.size(), ed25519_size));
  }
  const unsigned char* at = public_key_der.data();
  ossl::KeyPtr key(d2i_PUBKEY(nullptr, &at, static_cast<long>(public_key_der.size())));
  return at == public_key_der.data() + public_key_der.size() ? std::move(key) : nullptr;
}

}  // namespace chancery
