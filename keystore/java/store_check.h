// What is odd in a keystore, all at once, as values.
//
//   for (const StoreFinding& each : check_keystore(store, {.now = system_now(), .store_password = &password})) …
//
// code                    severity
// integrity-absent        warning   nothing proves that nobody changed the file (no MAC, or no password was given)
// key-mismatch            error     the key does not belong to the first certificate of its chain
// key-closed              warning   the key could not be opened with the passwords given: nothing is known about it
// key-password-differs    info      the key has another password than the store (a warning in a PKCS12: Java's key
//                                   managers expect one)
// key-weak                warning   RSA or DSA under 2048 bits, EC under 224
// signature-weak          warning   MD5 or SHA-1, on anything but a self-signed certificate
// not-a-certificate       error     an entry's certificate cannot be decoded (warning for types other than X.509)
// expired, not-yet-valid  warning   at `now`
// expires-soon            info      within 30 days
// chain-broken            warning   a certificate of a chain was not issued by the one after it
// no-certificate          warning   a private key without one: Java does not show it
// not-a-ca                info      a trusted certificate that is no CA and not self-signed: trusted as itself only
// duplicate-certificate   info      one certificate under several aliases
// invisible-to-java       warning   Java shows no such entry
// alias-collision         warning   two aliases that Java takes for one
// password-not-for-java   warning   Java could not read back what is under this password
// protection-weak         info      the type itself protects keys and contents badly (JKS: SHA-1)
//
// Thread safety: pure functions.
#pragma once

#include "keystore/java/java_keystore.h"
#include "keystore/x509/instant.h"

namespace chancery::java {

enum class FindingSeverity { info, warning, error };
[[nodiscard]] const char* to_text(FindingSeverity severity);

struct StoreFinding {
  std::string code;
  FindingSeverity severity = FindingSeverity::warning;
  std::string alias;  // "" where it is about the whole store; as the store has it
  std::string message;
  std::string hint;
};

struct CheckOptions {
  Instant now{};
  // Not owned. Keys are tried with both; without either they stay closed and no key-closed is said.
  const SecretBytes* store_password = nullptr;
  const SecretBytes* key_password = nullptr;
};

// Errors first, then in the order of the entries. Decodes every certificate.
[[nodiscard]] std::vector<StoreFinding> check_keystore(const Keystore& store, const CheckOptions& options);

}  // namespace chancery::java
