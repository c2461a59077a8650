// How a PKCS#12 file encrypts its parts and proves that nobody altered it: algorithm identifiers, ciphers, MACs.
//
//   encryption  AlgorithmIdentifier { PBES2, { { PBKDF2, { salt, iterations, length?, prf? } }, { cipher, IV } } }
//               AlgorithmIdentifier { pbeWithSHA1And… (RFC 7292, C) or PBES1 (RFC 8018, A.3), { salt, iterations } }
//   MAC         MacData { DigestInfo { AlgorithmIdentifier digest, value }, salt, iterations DEFAULT 1 }
//               the same with AlgorithmIdentifier { PBMAC1, { PBKDF2 …, hmac } } (RFC 9579)
//
// Iteration counts are read and judged (Failure "keystore-hostile" over iteration_limit) before anything is computed.
// Unknown algorithms are Failure("keystore-unsupported"). Internal to keystore/java. Thread safety: values.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "keystore/java/asn1.h"
#include "keystore/java/pkcs12_derivation.h"

namespace chancery::java::pkcs12 {

inline constexpr std::uint64_t default_iterations = 10'000;  // as Java 17 writes

struct Cipher {
  std::string_view oid;   // of the cipher for PBES2, else of the whole scheme
  std::string_view name;  // for people: "AES-256-CBC", "pbeWithSHA1And40BitRC2-CBC"
  const char* native;     // OpenSSL's name
  std::size_t key_size;
  std::size_t iv_size;
  enum class Scheme { pbes2, pkcs12, pbes1 } scheme;
  std::string_view digest;  // of pkcs12 and pbes1
  bool is_weak;             // broken, or a key of at most 64 bits
};

struct Encryption {
  const Cipher* cipher = nullptr;
  const Digest* prf = nullptr;  // PBES2 only
  std::uint64_t iterations = default_iterations;
  Bytes salt = {};
  Bytes iv = {};  // PBES2 only
};

// What Java 17 gives new stores: PBES2, AES-256-CBC, HmacSHA256, 10,000 iterations.
[[nodiscard]] Encryption default_encryption();
[[nodiscard]] Encryption read_encryption(ByteView algorithm_identifier, const std::string& source);
void write(asn1::DerWriter& out, const Encryption& encryption);
[[nodiscard]] std::string describe(const Encryption& encryption);  // "PBES2 with AES-256-CBC and HmacSHA256"

// Decrypts under the first encoding of the password that gives something `accept`able; nullopt when none does. With
// `keys`, derived keys are remembered there.
[[nodiscard]] std::optional<SecretBytes> decrypt(const Encryption& encryption, ByteView sealed,
                                                 const Passwords& passwords, DerivedKeys* keys,
                                                 const std::function<bool(ByteView)>& accept);
// Encrypts with a new IV, in front of what `out` has; with a new salt as well, unless `keys` knows the password under the
// one that is there and the IV does not depend on it.
void encrypt(Encryption& encryption, ByteView plain, const Passwords& passwords, DerivedKeys* keys,
             asn1::DerWriter& out);

struct Mac {
  const Digest* digest = nullptr;
  const Digest* prf = nullptr;  // of PBMAC1's PBKDF2; nullptr: PKCS#12's own derivation
  std::uint64_t iterations = default_iterations;
  std::size_t key_size = 0;  // PBMAC1
  Bytes salt = {};
  Bytes value = {};
};

[[nodiscard]] Mac default_mac();  // HMAC-SHA-256, 10,000 iterations
[[nodiscard]] Mac read_mac(asn1::Parser& in);
void write(asn1::DerWriter& out, const Mac& mac);
[[nodiscard]] std::string describe(const Mac& mac);  // "HmacPBESHA256", "PBMAC1 with HmacSHA256"
[[nodiscard]] bool is_right(const Mac& mac, ByteView content, const Passwords& passwords, DerivedKeys& keys);
// True when the key of this MAC was derived from one of these passwords before.
[[nodiscard]] bool knows(const DerivedKeys& keys, const Mac& mac, const Passwords& passwords);
// First the salt, which is renewed unless `keys` knows the password under it, and a `value` of the final size. The key
// may be derived meanwhile, in a thread of its own; then the value.
void begin_renewal(Mac& mac, const Passwords& passwords, const DerivedKeys& keys);
void derive_key(const Mac& mac, const Passwords& passwords, DerivedKeys& keys);
void finish_renewal(Mac& mac, ByteView content, const Passwords& passwords, DerivedKeys& keys);

}  // namespace chancery::java::pkcs12
