// Trust stores as the verbs trust-… and keystore-… name them: by the program that trusts by them, or by their path.
//
//   const Target target = target_of(bench, call.text_or("store", "engine"));
//   JavaStore store = open_java_store(bench, target, call.secret("storepass"));
//   java::import_certificates(store.store, …);
//   return finish(bench, plan_java_store(bench, target, std::move(store), "trust append", call), call);
//
// Paths come from whoever may ask for changes. They must be absolute; links are followed, once, here.
#pragma once

#include <optional>
#include <string>

#include "appliance/change/plan_stores.h"
#include "appliance/manager/bench.h"

namespace chancery::manager {

struct Target {
  enum class Kind {
    engine,            // trust/engine/ca-bundle.crt of the generation
    portal,            // trust/portal/cacerts of the generation
    in_place,          // a Java keystore outside STATE
    operating_system,  // "os": read only here; os_trust.cpp changes it
  } kind = Kind::engine;
  std::string name;  // as people know it: "engine", "portal", "os", or the path
};

// "engine", "portal", "os", or an absolute path. A path inside STATE means the store of the generation that it is
// (through `current` or any link to it); Failure("not-a-store") for other files of a generation, which have commands of
// their own, and for files of generations that are not in force. Failure("bad-argument") for anything else. That a file
// outside exists is not checked.
[[nodiscard]] Target target_of(const Bench& bench, const std::string& store);

struct JavaStore {
  java::Keystore store;
  java::Keystore before;                // as it was opened
  std::optional<SecretBytes> password;  // absent: a PKCS12 without encryption and MAC, and it stays one
  std::string sha256;                   // of the bytes it was opened from
};
// portal: under its own password. In place: under `given`; where nothing is given under "changeit", which every JDK has
// unless somebody changed it. Failure as open_keystore's; "not-found".
[[nodiscard]] JavaStore open_java_store(Bench& bench, const Target& target, const std::optional<SecretBytes>& given);
// Reading only: a store in place whose password nobody knows here is read without one, as far as that goes.
[[nodiscard]] java::Keystore look_into(Bench& bench, const Target& target);
[[nodiscard]] java::Keystore look_into(const std::string& path);

// Sealed, read back and compared. Failure("read-back-differs").
[[nodiscard]] SecretBytes seal_and_compare(const java::Keystore& store, const std::optional<SecretBytes>& password);

// Those of `managed` that are in the store as trusted certificates.
[[nodiscard]] std::vector<Certificate> imported_into(const java::Keystore& store,
                                                     const std::vector<trust::ManagedAnchor>& managed);

// The plan that puts store.store in the place of store.before; the anchors that Chancery manages follow the difference.
[[nodiscard]] change::Plan plan_java_store(Bench& bench, const Target& target, const JavaStore& store,
                                           const std::string& reason);

// The same with bytes that were sealed elsewhere, for a store in place.
[[nodiscard]] change::Plan plan_bytes_in_place(Bench& bench, const Target& target, const JavaStore& store,
                                               SecretBytes sealed, const std::string& reason);

// What `after` has more or less than `before` as trusted certificates of the keystore at `path`, into `anchors`.
void follow(trust::ManagedAnchors& anchors, const std::string& path, const java::Keystore& before,
            const java::Keystore& after, Instant now);

// The same for every file outside the state that `plan` edits; into its edits, where anything is different then. A
// store that cannot be opened with the usual password changes nothing in the list: the doctor compares it with what is
// there.
void follow_foreign(Bench& bench, change::Plan& plan);

// SHA-256 of an entry's first certificate; "" where it has none.
[[nodiscard]] std::string fingerprint_of(const java::Entry& entry);

}  // namespace chancery::manager
