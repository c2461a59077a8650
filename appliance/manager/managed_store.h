// Keystores whose every edit is a change of an appliance: the portal's trust in STATE, and the cacerts of this machine's
// Java installations, which the transaction edits in place. For everything else a keystore is a file (store_file.h).
//
//   if (is_managed_store(state_path, path)) {
//     const nlohmann::json reply = put_managed_store(state_path, {.path = path, .expected_sha256 = sha256_of_what_was_read,
//                                                                 .bytes = sealed, .password = storepass,
//                                                                 .reason = "keystore import"});
//     …reply["outcome"] is "done", "planned" (dry_run), "unchanged" or "refused" with reply["report"]…
//   }
//
// One verb for all edits: the caller reads the file, edits the java::Keystore as it would any other, seals it, and hands
// the whole over, as it would to StoreFile::replace. Import, delete, rename, passwd, and keytool's own commands differ
// only in what they hand over. The manager opens both, refuses what must not be (below), follows the difference in the
// list of anchors that Chancery manages, and runs the one transaction: a generation for the portal's, a journalled foreign
// file for a JDK's. The portal's own copy of its store's password becomes `password` in the same transaction.
//
// Failures of put: "state-changed" (exit 1) or "foreign-changed" (needs_person) when the store is no longer what was read;
// "not-a-store" for any other file of a generation; "keystore-type" when the type would change (convert writes to a file
// of your own); "key-in-bundle" for a key in the portal's store, which everybody may read; "empty-input" when the portal
// would trust nobody; those of open_keystore; "permission-denied" for who may not change the appliance. A retired anchor
// refuses in the report. Thread safety: none needed.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "keystore/bytes/secret.h"

namespace chancery::manager {

// `path` as a person gave it (relative is fine, links are followed). False where there is no appliance at `state`. True for
// everything below STATE: what is no store is refused by put, in one place.
[[nodiscard]] bool is_managed_store(const std::string& state, const std::string& path);

struct StorePut {
  std::string path;                            // as above
  std::string expected_sha256;                 // hex, of the bytes that were read and edited
  SecretBytes bytes;                           // the new file
  std::optional<SecretBytes> password;         // that opens `bytes`; absent: a PKCS12 without one
  std::optional<SecretBytes> former_password;  // that opens what was read, where it differs
  std::string reason;                          // "keystore import", for the generation's manifest and the audit
  bool dry_run = false;
};
// Asks chancery-manager where it runs; else does it in this process under the same lock.
[[nodiscard]] nlohmann::json put_managed_store(const std::string& state, StorePut put);

}  // namespace chancery::manager
