#include "appliance/console/second_factor.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

#include "keystore/fault.h"

namespace chancery::console {

namespace {

constexpr std::int64_t step_seconds = 30;
constexpr std::size_t digits = 6;

}  // namespace

SecretBytes new_factor_secret() { return random_secret(20); }

std::string factor_text(const SecretBytes& secret) {
  constexpr const char* alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";  // RFC 4648, section 6
  std::string text;
  unsigned buffer = 0;
  unsigned bits = 0;
  for (const std::uint8_t byte : secret) {
    buffer = (buffer << 8U) | byte;
    for (bits += 8; bits >= 5; bits -= 5) text += alphabet[(buffer >> (bits - 5)) & 31U];
  }
  if (bits > 0) text += alphabet[(buffer << (5 - bits)) & 31U];
  return text;
}

std::string factor_code(const SecretBytes& secret, std::int64_t step) {
  std::array<std::uint8_t, 8> counter{};
  for (std::size_t at = 0; at < counter.size(); ++at) {
    counter[at] = static_cast<std::uint8_t>(static_cast<std::uint64_t>(step) >> (56 - 8 * at));
  }
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> mac{};
  unsigned size = 0;
  if (HMAC(EVP_sha1(), secret.data(), static_cast<int>(secret.size()), counter.data(), counter.size(), mac.data(),
           &size) == nullptr) {
    throw Failure({.code = "out-of-memory",
                   .subject = "the second factor",
                   .cause = "its code could not be computed",
                   .hint = "try again; see the log of chancery-console"});
  }
  // RFC 4226, section 5.3: the last half byte says where the number stands.
  const std::size_t offset = mac[size - 1] & 0xfU;
  std::uint32_t number = 0;
  for (std::size_t at = 0; at < 4; ++at) number = (number << 8U) | mac[offset + at];
  std::string code = std::to_string((number & 0x7fffffffU) % 1'000'000U);
  return std::string(digits - code.size(), '0') + code;
}

std::optional<std::int64_t> factor_step(const SecretBytes& secret, std::string_view code, std::int64_t unix_seconds,
                                        std::int64_t last) {
  const std::int64_t present = unix_seconds / step_seconds;
  std::optional<std::int64_t> found;
  for (std::int64_t step = present - 1; step <= present + 1; ++step) {
    const std::string right = factor_code(secret, step);
    if (secret_equal(view_of(right), view_of(code)) && step > last && !found) found = step;
  }
  return found;
}

}  // namespace chancery::console
