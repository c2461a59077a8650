// What a keystore holds, as values: entries with their certificates as DER and their keys as they lie in the file.
//
//   for (const java::Entry& entry : store.entries) std::cout << entry.alias << '\n';
//
// Certificates are not decoded here (10,000 of them cost nothing until one is asked for): Certificate::from_der does
// that, and may refuse what a store holds. Keys stay sealed under their own password; java_keystore.h opens them.
// Aliases are UTF-8 as the file has them, control characters included: make them printable before showing them.
// Thread safety: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "keystore/bytes/bytes.h"
#include "keystore/bytes/secret.h"
#include "keystore/java/shared_der.h"

namespace chancery::java {

enum class StoreType { jks, jceks, pkcs12, bks, uber, bcfks };
enum class EntryKind { private_key, trusted_certificate, secret_key };

struct StoredCertificate {
  SharedDer der;
  std::string type = "X.509";          // as the file names it; anything else is carried along and never decoded
  std::vector<Bytes> attributes = {};  // PKCS#12: DER of each bag attribute that this library does not make itself
};

// A key as it lies in the file: only the format that sealed it can open it.
struct SealedKey {
  StoreType sealed_by = StoreType::jks;
  SecretBytes bytes;  // secret because a PKCS#12 or BKS may hold keys in clear
};

// An opened key.
struct KeyMaterial {
  EntryKind kind = EntryKind::private_key;  // private_key or secret_key
  std::string algorithm;                    // "RSA", "EC", "Ed25519"; "AES", "HmacSHA256" for secret keys
  SecretBytes encoded;                      // PKCS#8 DER; the raw bytes of a secret key
};

struct Entry {
  std::string alias;
  EntryKind kind = EntryKind::trusted_certificate;
  std::optional<std::int64_t> created_ms = {};       // Unix time in milliseconds; formats without a date: absent
  std::vector<StoredCertificate> certificates = {};  // leaf first; exactly one for trusted_certificate; may be empty
                                                     // for a private key, is empty for most secret keys
  std::optional<SealedKey> key = {};                 // absent for trusted_certificate
  std::vector<Bytes> attributes = {};                // PKCS#12: the key bag's, as above; survive a rewrite
};

}  // namespace chancery::java
