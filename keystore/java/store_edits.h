// Changes of a keystore, as functions on values: nothing here touches a file.
//
//   Keystore store = open_keystore(bytes, {.source = "cacerts", .password = &password});
//   const Material found = read_material(bundle, {.source = "bundle.pem"});
//   for (const ImportedCertificate& each : import_certificates(store, found.certificates, {.alias = "corp", .now_ms = now}))
//     …each.alias, each.outcome…                            // "corp", "corp-2", or the alias under which it was already
//   SecretBytes sealed = seal_keystore(store, &password);
//
// Each either does all of what it says or throws and leaves the store as it was. Aliases are compared as the store's
// type compares them (java_keystore.h) and stored in its form. Not checked: validity of certificates; that is
// store_check.h's and preflight's. Thread safety: pure functions.
#pragma once

#include <string>
#include <vector>

#include "keystore/java/java_keystore.h"
#include "keystore/x509/certificate.h"
#include "keystore/x509/private_key.h"

namespace chancery::java {

struct ImportedCertificate {
  enum class Outcome {
    added,
    already_there,  // under `alias`; nothing was done for it
  } outcome = Outcome::added;
  std::string alias;
  Certificate certificate;
};

struct CertificateImport {
  // NAME, NAME-2, NAME-3, … for those that are added. "": derived_alias of each.
  std::string alias = {};
  // Also those that the store has already as a trusted certificate under another alias. A certificate that is only in
  // the chain of a key does not count: Java does not trust it.
  bool duplicates = false;
  std::int64_t now_ms = 0;
};

// All of them, in their order, as trusted certificates; one that stands twice among them is added once (the second is
// already_there). Failure("alias-exists") when NAME is taken, whatever holds it, or when a NAME-n that is needed is;
// Failure("empty-input") for no certificates; Failure("bad-alias") for a NAME with control characters.
[[nodiscard]] std::vector<ImportedCertificate> import_certificates(Keystore& store,
                                                                   const std::vector<Certificate>& certificates,
                                                                   const CertificateImport& how);

// A free alias that tells what the certificate is: its CN, else the last value of its subject, in lower case with dashes
// for everything but letters and digits of any script ("isrg-root-x1"); where that is taken with 8 hex digits of the
// SHA-256 fingerprint behind it, with all 64 where that is taken too.
[[nodiscard]] std::string derived_alias(const Keystore& store, const Certificate& certificate);

// The chain of a key out of a pile in any order: leaf first, each followed by its issuer as far as the pile goes, a
// self-signed root included when it is there. Failure("key-mismatch") when no certificate is the key's; the newest
// (latest end) where there are several.
struct Chain {
  std::vector<Certificate> certificates;
  std::vector<Certificate> unused;  // of the pile, in its order
};
[[nodiscard]] Chain chain_for(const PrivateKey& key, const std::vector<Certificate>& pile);

struct KeyImport {
  std::string alias;                          // "": derived_alias of the leaf
  const SecretBytes* key_password = nullptr;  // what the key is sealed under: Java expects the store's password
  std::int64_t now_ms = 0;
};
struct ImportedKey {
  std::string alias;
  Chain chain;
};
// Failure("alias-exists"), Failure("empty-input") without certificates (Java wants a chain), chain_for's, seal_key's.
[[nodiscard]] ImportedKey import_key(Keystore& store, const PrivateKey& key, const std::vector<Certificate>& pile,
                                     const KeyImport& how);
// A new chain for a key that is there (a CA's answer, a renewed certificate). The pile must hold a certificate of that
// key: Failure("key-mismatch"). Failure("alias-unknown"), Failure("no-key").
[[nodiscard]] Chain replace_chain(Keystore& store, const std::string& alias, const std::vector<Certificate>& pile,
                                  const SecretBytes& key_password);

// Failure("alias-unknown"), whose hint names near ones.
[[nodiscard]] const Entry& entry_at(const Keystore& store, const std::string& alias);
[[nodiscard]] Entry& entry_at(Keystore& store, const std::string& alias);
void delete_entry(Keystore& store, const std::string& alias);  // Failure("alias-unknown")
void rename_entry(Keystore& store, const std::string& from,
                  const std::string& to);  // Failure("alias-unknown"), ("alias-exists"), ("bad-alias")

struct PasswordChange {
  std::vector<std::string> resealed;  // aliases whose key is now under the new password
  std::vector<std::string> kept;      // aliases whose key keeps the password it had
};
// What has to happen to the keys before the store is sealed under `next`; the caller seals it. As keytool does: formats in
// which a key has a password of its own (JKS, JCEKS, BKS, UBER, BCFKS) keep it; in a PKCS#12, keys under the
// old store password move to the new one. `keys_too`: in all formats. Failure("password-weak") for fewer than the 6
// characters that Java takes. The current password was checked when the store was opened with it.
struct StorePasswords {
  const SecretBytes& current;
  const SecretBytes& next;
  bool keys_too = false;
};
[[nodiscard]] PasswordChange change_store_password(Keystore& store, const StorePasswords& passwords);
// Failure("wrong-key-password"), ("alias-unknown"), ("no-key"), ("password-weak").
void change_key_password(Keystore& store, const std::string& alias, const SecretBytes& current,
                         const SecretBytes& next);

// Java's own tool takes no shorter ones: Failure("password-weak").
void expect_usable_password(const SecretBytes& password);

[[nodiscard]] KeyMaterial to_material(const PrivateKey& key);
// Failure("key-unsupported") for kinds that PrivateKey does not know (DSA, X25519, secret keys).
[[nodiscard]] PrivateKey to_private_key(const KeyMaterial& material, const std::string& alias);

}  // namespace chancery::java
