// OpenSSL's own functions for each digest, not its EVP ones: to fetch a digest sets up providers and a map of every name
// that OpenSSL knows, two milliseconds, more than a short command needs for all the rest.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "keystore/openssl/digest.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>

#include "keystore/bytes/text_encoding.h"

namespace chancery {
namespace {

constexpr std::size_t block_size = SHA256_CBLOCK;

// Holds a key's worth of state while an HMAC is made: wiped with the object.
class Running {
 public:
  Running() { SHA256_Init(&state_); }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() { OPENSSL_cleanse(&state_, sizeof state_); }
  Running& add(ByteView bytes) {
    SHA256_Update(&state_, bytes.data(), bytes.size());
    return *this;
  }
  Sha256 finish() {
    Sha256 out;
    SHA256_Final(out.data(), &state_);
    return out;
  }

 private:
  SHA256_CTX state_;
};

}  // namespace

Sha256 sha256(ByteView bytes) { return Running().add(bytes).finish(); }

std::string sha256_hex(ByteView bytes) { return to_hex(sha256(bytes)); }

// RFC 2104.
Sha256 hmac_sha256(ByteView key, ByteView bytes) {
  std::array<std::uint8_t, block_size> pad{};
  if (key.size() > pad.size()) {
    std::ranges::copy(sha256(key), pad.begin());
  } else {
    std::ranges::copy(key, pad.begin());
  }
  for (std::uint8_t& each : pad) each ^= 0x36;
  const Sha256 inner = Running().add(pad).add(bytes).finish();
  for (std::uint8_t& each : pad) each ^= 0x36 ^ 0x5c;
  const Sha256 outer = Running().add(pad).add(inner).finish();
  OPENSSL_cleanse(pad.data(), pad.size());
  return outer;
}

}  // namespace chancery
