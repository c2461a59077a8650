// What only PKCS#12 stores have, beside what java_keystore.h gives for all types.
//
//   for (const UnmarkedCertificate& each : pkcs12_details(store).unmarked) …     // openssl-made truststores
//   for (UnmarkedCertificate& each : take_unmarked(store)) store.entries.push_back(trusted_certificate(…));
//
// Java takes a certificate for trusted only where its bag has the attribute 2.16.840.1.113894.746875.1.1, which openssl,
// certutil and Windows do not write: to Java such a truststore is empty. Certificates without it that are in no key's
// chain are `unmarked`: they are no entries, they survive a rewrite, and who wants Java to see them takes them out and
// adds them as trusted certificates. Thread safety: pure functions of values.
#pragma once

#include "keystore/java/java_keystore.h"

namespace chancery::java {

struct UnmarkedCertificate {
  std::string name;  // friendlyName as the file has it; may be empty
  StoredCertificate certificate;
};

struct StoreProtection {
  std::string part;   // "certificates", "integrity", or "key"
  std::string alias;  // of a key
  std::string
      algorithm;  // "PBES2 with AES-256-CBC and HmacSHA256", "pbeWithSHA1And40BitRC2-CBC", "HmacPBESHA1", "none"
  std::uint64_t iterations = 0;
  bool is_weak = false;  // no protection of a key, a cipher of up to 64 bits or RC2 or RC4, fewer than 1,000 iterations
};

struct Pkcs12Details {
  std::vector<UnmarkedCertificate> unmarked;
  std::vector<StoreProtection>
      protections;  // a rewrite keeps those of a store that was read, also weak ones, as Java does
  // What else the file holds and a rewrite carries along, as phrases: "a certificate revocation list", "a second key
  // under the alias web".
  std::vector<std::string> carried;
};

// Everything empty for other types. For a store that was not read from a file: what would be written.
[[nodiscard]] Pkcs12Details pkcs12_details(const Keystore& store);
// Takes the unmarked certificates out: a rewrite no longer has them.
[[nodiscard]] std::vector<UnmarkedCertificate> take_unmarked(Keystore& store);

}  // namespace chancery::java
