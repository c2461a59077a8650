#include "appliance/federation/token_signature.h"

#include <sodium.h>

#include <string_view>

namespace chancery::federation {
namespace {

using namespace std::string_view_literals;
constexpr auto beginning = "\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"sv;  // SubjectPublicKeyInfo up to the key

}  // namespace

bool verify_token_signature(ByteView public_key_der, ByteView message, ByteView signature) noexcept {
  static const bool is_ready = sodium_init() >= 0;
  if (!is_ready || public_key_der.size() != beginning.size() + crypto_sign_PUBLICKEYBYTES ||
      !text_of(public_key_der).starts_with(beginning) || signature.size() != crypto_sign_BYTES) {
    return false;
  }
  return crypto_sign_verify_detached(signature.data(), message.data(), message.size(),
                                     public_key_der.data() + beginning.size()) == 0;
}

}  // namespace chancery::federation
