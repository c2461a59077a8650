#include "appliance/sign_in/credential.h"

#include <sodium.h>

#include <algorithm>

namespace chancery {

namespace {

constexpr std::size_t credential_limit = 1024;

}  // namespace

std::optional<Credential> basic_credential(ByteView authorization) {
  constexpr std::string_view scheme = "Basic ";
  const std::string_view header = text_of(authorization);
  // One that says nothing would hand libsodium a null pointer.
  if (header.size() <= scheme.size() || header.size() > credential_limit || !header.starts_with(scheme)) {
    return std::nullopt;
  }
  const std::string_view encoded = header.substr(scheme.size());
  SecretBytes decoded(encoded.size());
  std::size_t size = 0;
  if (sodium_base642bin(decoded.data(), decoded.size(), encoded.data(), encoded.size(), nullptr, &size, nullptr,
                        sodium_base64_VARIANT_ORIGINAL) != 0) {
    return std::nullopt;
  }
  decoded.resize(size);
  const auto colon = std::find(decoded.begin(), decoded.end(), static_cast<std::uint8_t>(':'));
  if (colon == decoded.end()) return std::nullopt;
  return Credential{.user = std::string(decoded.begin(), colon), .password = SecretBytes(colon + 1, decoded.end())};
}

}  // namespace chancery
