// PBEWithMD5AndTripleDES as SunJCE made it up (1.3.6.1.4.1.42.2.19.1), which seals the keys of a JCEKS. From each half of
// the 8-byte salt MD5(half · password), again and again, gives 16 bytes; the 32 together are a key of three-key Triple
// DES and its IV for CBC with PKCS#5 padding. Two equal halves would give equal keys: then the first is turned round.
// The parameters are those of PKCS#5: SEQUENCE { salt OCTET STRING, iterations INTEGER }.
//
// There is no integrity in it: a wrong password shows in the padding, but for one in 256. Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "keystore/bytes/secret.h"

namespace chancery::java {

inline constexpr std::string_view jceks_protector_oid = "\x2b\x06\x01\x04\x01\x2a\x02\x13\x01";
inline constexpr std::string_view jceks_protector_name = "PBEWithMD5AndTripleDES";
inline constexpr std::uint64_t jceks_iterations = 200'000;  // Java's own default

struct PbeSealed {
  SecretBytes parameters;  // DER, whole
  SecretBytes content;
};

// How many iterations the parameters ask for; nullopt where they are impossible.
[[nodiscard]] std::optional<std::uint64_t> pbe_iterations(ByteView parameters);

// nullopt: the password is wrong. Failure("keystore-hostile") over `iteration_limit`, before anything is computed;
// Failure("keystore-damaged") for impossible parameters or content. `subject` names the entry in messages.
[[nodiscard]] std::optional<SecretBytes> pbe_open(ByteView parameters, ByteView content, ByteView password,
                                                  const std::string& subject);
[[nodiscard]] PbeSealed pbe_seal(ByteView plain, ByteView password, std::uint64_t iterations = jceks_iterations);

}  // namespace chancery::java
