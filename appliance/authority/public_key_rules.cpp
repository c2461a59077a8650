#include "appliance/authority/public_key_rules.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <array>

#include "keystore/bytes/text_encoding.h"
#include "keystore/openssl/handles.h"

namespace chancery::authority {
namespace {

[[noreturn]] void refuse(const char* cause) {
  throw Failure({.code = "key-weak",
                 .subject = "public key",
                 .cause = cause,
                 .hint = "make a key of type ecdsa-p256, ecdsa-p384, ecdsa-p521, rsa-3072, rsa-4096 or ed25519"});
}

// What a SubjectPublicKeyInfo of a named curve begins with, up to the point (RFC 5480).
struct Curve {
  Bytes prefix;
  std::size_t point_size;
};

const std::array<Curve, 3>& curves() {
  static const std::array<Curve, 3> all{Curve{from_hex("3059301306072a8648ce3d020106082a8648ce3d030107034200"), 65},
                                        Curve{from_hex("3076301006072a8648ce3d020106052b81040022036200"), 97},
                                        Curve{from_hex("30819b301006072a8648ce3d020106052b8104002303818600"), 133}};
  return all;
}

const Bytes& ed25519_prefix() {
  static const Bytes prefix = from_hex("302a300506032b6570032100");
  return prefix;
}

bool starts_with(ByteView bytes, ByteView prefix) {
  return bytes.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), bytes.begin());
}

// A group is dear to make and never changes: one for each curve, for the life of the process.
const EC_GROUP* group_of(const Curve& curve) {
  static const std::array<std::unique_ptr<EC_GROUP, ossl::Deleter<EC_GROUP_free>>, 3> groups{
      std::unique_ptr<EC_GROUP, ossl::Deleter<EC_GROUP_free>>(EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1)),
      std::unique_ptr<EC_GROUP, ossl::Deleter<EC_GROUP_free>>(EC_GROUP_new_by_curve_name(NID_secp384r1)),
      std::unique_ptr<EC_GROUP, ossl::Deleter<EC_GROUP_free>>(EC_GROUP_new_by_curve_name(NID_secp521r1))};
  return groups.at(static_cast<std::size_t>(&curve - curves().data())).get();
}

// Reading a point checks that its coordinates are in range and that it lies on the curve.
bool is_on_curve(const Curve& curve, ByteView point) {
  const EC_GROUP* group = group_of(curve);
  if (group == nullptr) throw std::bad_alloc();
  const std::unique_ptr<EC_POINT, ossl::Deleter<EC_POINT_free>> read(EC_POINT_new(group));
  const bool taken = read && EC_POINT_oct2point(group, read.get(), point.data(), point.size(), nullptr) == 1 &&
                     EC_POINT_is_at_infinity(group, read.get()) == 0;
  if (!taken) ERR_clear_error();
  return taken;
}

PublicKeyKind check_curve(const Curve& curve, ByteView public_key_der) {
  const ByteView point = public_key_der.subspan(curve.prefix.size());
  if (point.size() != curve.point_size || point.front() != 0x04) refuse("is not an uncompressed point of its curve");
  if (!is_on_curve(curve, point)) refuse("is a point that does not lie on its curve");
  return PublicKeyKind::ec;
}

using BignumPtr = std::unique_ptr<BIGNUM, ossl::Deleter<BN_free>>;

BignumPtr number_of(EVP_PKEY* key, const char* name) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &number) != 1) refuse("cannot be read");
  return BignumPtr(number);
}

PublicKeyKind check_rsa(ByteView public_key_der) {
  if (public_key_der.size() > 1100) refuse("is larger than an RSA key of 8192 bits");
  const std::uint8_t* at = public_key_der.data();
  const ossl::KeyPtr key(d2i_PUBKEY(nullptr, &at, static_cast<long>(public_key_der.size())));
  if (!key) {
    ERR_clear_error();
    refuse("cannot be read");
  }
  if (at != public_key_der.data() + public_key_der.size()) refuse("has trailing bytes");
  if (EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA) refuse("is neither RSA, nor EC on P-256/384/521, nor Ed25519");
  std::uint8_t* canonical = nullptr;
  const int size = i2d_PUBKEY(key.get(), &canonical);
  const bool same = size >= 0 && std::equal(public_key_der.begin(), public_key_der.end(), canonical, canonical + size);
  OPENSSL_free(canonical);
  if (!same) refuse("is not encoded canonically");
  const BignumPtr modulus = number_of(key.get(), OSSL_PKEY_PARAM_RSA_N);
  const BignumPtr exponent = number_of(key.get(), OSSL_PKEY_PARAM_RSA_E);
  if (BN_num_bits(modulus.get()) < 2048) refuse("is an RSA key of fewer than 2048 bits");
  if (BN_num_bits(modulus.get()) > 8192) refuse("is an RSA key of more than 8192 bits");
  if (!BN_is_odd(modulus.get())) refuse("is an RSA key with an even modulus");
  if (BN_is_negative(exponent.get()) || !BN_is_odd(exponent.get()) || BN_is_one(exponent.get())) {
    refuse("is an RSA key with a bad exponent");
  }
  return PublicKeyKind::rsa;
}

}  // namespace

PublicKeyKind check_public_key(ByteView public_key_der) {
  for (const Curve& curve : curves()) {
    if (starts_with(public_key_der, curve.prefix)) return check_curve(curve, public_key_der);
  }
  if (starts_with(public_key_der, ed25519_prefix())) {
    if (public_key_der.size() != ed25519_prefix().size() + 32) refuse("is not an Ed25519 key of 32 bytes");
    return PublicKeyKind::ed25519;
  }
  return check_rsa(public_key_der);
}

}  // namespace chancery::authority
