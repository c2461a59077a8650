// From a password to keys, as PKCS#12 files want them: PBKDF2 and PBKDF1 (RFC 8018, 5), and the key derivation of PKCS#12
// (RFC 7292, appendix B). Internal to keystore/java.
//
// One password has several encodings. The standards name one each, and programs got it wrong for years, so a reader tries
// all and a writer uses the first:
//   utf16   PKCS#12's own derivation: UTF-16 and two zero bytes (RFC 7292, B.1); OpenSSL before 1.1 widened each byte of
//           UTF-8 by itself; no password at all is either two zero bytes or nothing
//   bytes   PBKDF2: UTF-8 (RFC 8018); Latin-1 from old terminals; NSS gave it the UTF-16 of above
// Thread safety: values; DerivedKeys may be shared between threads.
#pragma once

#include <mutex>
#include <string_view>
#include <vector>

#include "keystore/bytes/secret.h"

struct evp_md_st;  // OpenSSL's EVP_MD

namespace chancery::java::pkcs12 {

struct Passwords {
  explicit Passwords(ByteView utf8);
  std::vector<SecretBytes> utf16;
  std::vector<SecretBytes> bytes;
};

struct Digest {
  std::string_view name;  // "SHA256"
  std::string_view oid;   // content octets
  std::string_view hmac_oid;
  std::size_t size;

  const evp_md_st* native() const;  // fetched once per process
};
[[nodiscard]] const Digest* digest_by_oid(ByteView oid);       // nullptr: not known
[[nodiscard]] const Digest* digest_by_hmac_oid(ByteView oid);  // nullptr: not known
[[nodiscard]] const Digest& digest_named(std::string_view name);

struct Derivation {
  enum class Kind { pkcs12_key = 1, pkcs12_iv = 2, pkcs12_mac = 3, pbkdf1, pbkdf2 } kind;
  const Digest& digest;
  ByteView password;         // in the encoding that the kind wants
  ByteView salt;             // not empty
  std::uint64_t iterations;  // the caller has checked them against iteration_limit
  std::size_t size;
};
[[nodiscard]] SecretBytes derive(const Derivation& what);

// How many bytes of a digest take about as long as that many iterations: what `ahead` asks for.
[[nodiscard]] constexpr std::size_t effort(std::uint64_t iterations) noexcept {
  constexpr std::uint64_t bytes_of_an_iteration = 400;
  return static_cast<std::size_t>(iterations * bytes_of_an_iteration);
}

// Remembers the last few keys of a store: a rewrite and the reading back after it derive nothing anew. Wiped with the
// store.
class DerivedKeys {
 public:
  [[nodiscard]] SecretBytes derive(const Derivation& what);
  // True when that has been derived here before: the password is the one with which the store was read.
  [[nodiscard]] bool knows(const Derivation& what) const;

 private:
  struct Known {
    SecretBytes question;
    SecretBytes answer;
  };
  const Known* find(const SecretBytes& question) const;

  mutable std::mutex mutex_;
  std::vector<Known> known_;
};

}  // namespace chancery::java::pkcs12
