// How a BCFKS store protects what is in it: PBES2 with PBKDF2 or scrypt, AES-256 as CCM or as key wrap with padding, and
// HMAC-SHA-512 over the whole. Internal to keystore/java.
//
// What is kept of a file that was read are the parameters, never its salts and nonces: each sealing draws new ones.
// Parameters are checked when they are read (iterations, scrypt's memory), before anything is computed. Thread safety:
// values and pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "keystore/bytes/secret.h"

namespace chancery::java::bcfks {

// What a derived key is for; the name goes into the derivation.
inline constexpr std::string_view for_store = "STORE_ENCRYPTION";
inline constexpr std::string_view for_integrity = "INTEGRITY_CHECK";
inline constexpr std::string_view for_private_key = "PRIVATE_KEY_ENCRYPTION";
inline constexpr std::string_view for_secret_key = "SECRET_KEY_ENCRYPTION";

struct Derivation {
  enum class Kind { pbkdf2_sha512, pbkdf2_sha3_512, scrypt } kind = Kind::pbkdf2_sha512;
  std::uint64_t iterations = 51'200;                  // PBKDF2
  std::uint64_t cost = 0, block_size = 0, lanes = 0;  // scrypt: N, r, p
};
enum class Cipher { aes256_ccm, aes256_wrap_pad };

struct Protection {
  Derivation derivation = {};
  Cipher cipher = Cipher::aes256_ccm;
};

struct ParsedDerivation {
  Derivation derivation;
  ByteView salt;
  std::optional<std::uint64_t> key_length;
};
// A KeyDerivationFunc (an AlgorithmIdentifier). `source` is how the file is called in a Failure.
[[nodiscard]] ParsedDerivation read_derivation(ByteView algorithm, const std::string& source);
[[nodiscard]] SecretBytes write_derivation(const Derivation& derivation, ByteView salt, std::size_t key_length);
[[nodiscard]] SecretBytes derive(const ParsedDerivation& how, const SecretBytes& password, std::string_view purpose,
                                 std::size_t key_length);

// The protection of `algorithm`, PBES2's AlgorithmIdentifier, as parameters for a rewrite.
[[nodiscard]] Protection protection_of(ByteView algorithm, const std::string& source);
// nullopt: the password is wrong or the bytes were altered.
[[nodiscard]] std::optional<SecretBytes> opened(ByteView algorithm, ByteView sealed, const SecretBytes& password,
                                                std::string_view purpose, const std::string& source);
struct Sealed {
  SecretBytes algorithm;  // PBES2's AlgorithmIdentifier
  SecretBytes bytes;
};
[[nodiscard]] Sealed sealed(const Protection& how, ByteView clear, const SecretBytes& password,
                            std::string_view purpose);

}  // namespace chancery::java::bcfks
