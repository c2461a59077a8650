// What leaves a keystore: certificates, chains and keys in the containers that other programs read.
//
//   Bytes pem = export_certificate(entry_at(store, "corp-root"), Encoding::pem);
//   SecretBytes key = export_key(store, entry, key_password, &passphrase);   // -----BEGIN ENCRYPTED PRIVATE KEY-----
//
// PEM has LF line ends and a final newline. Certificates leave byte for byte as the store has them, also those that
// nobody can decode. Thread safety: pure functions.
#pragma once

#include "keystore/java/java_keystore.h"

namespace chancery::java {

enum class Encoding { pem, der };

// The leaf of a key, or the trusted certificate. Failure("no-certificate") for an entry without.
[[nodiscard]] Bytes export_certificate(const Entry& entry, Encoding encoding);
// All of its certificates, leaf first, as PEM.
[[nodiscard]] Bytes export_chain(const Entry& entry);

// PKCS#8 (RFC 5958) as PEM: under `passphrase` by PBES2 (PBKDF2 with HMAC-SHA-256, AES-256-CBC), or in clear where it is
// null: ask for that only when a person said so. Failure("no-key"), Failure("wrong-key-password"), and
// Failure("key-unsupported") for a secret key, which PKCS#8 cannot hold.
[[nodiscard]] SecretBytes export_key(const Keystore& store, const Entry& entry, const SecretBytes& key_password,
                                     const SecretBytes* passphrase);

}  // namespace chancery::java
