// One keystore into another: of any type into any type that can be written, whole or entry by entry.
//
//   Conversion done = convert_keystore(store, {.type = StoreType::pkcs12, .password = &password, .key_password = …});
//   for (const ConvertedEntry& each : done.entries) if (each.alias != each.from) …
//   SecretBytes bytes = seal_keystore(done.store, &password);
//
// Keys are opened and sealed again for the new type. Dates are kept where the new type has them. Attributes that only
// PKCS#12 knows stay behind on the way to any other type. Thread safety: pure functions.
#pragma once

#include <functional>

#include "keystore/java/java_keystore.h"

namespace chancery::java {

struct ConversionOptions {
  StoreType type = StoreType::pkcs12;  // UBER cannot be written: Failure("keystore-unsupported")
  // Opens the key of this entry. Must answer for every entry with a key.
  std::function<const SecretBytes&(const Entry&)> key_password;
  // What the key of this entry is sealed under in the new store. Java expects the new store's password in a PKCS12.
  std::function<const SecretBytes&(const Entry&)> new_key_password;
};

struct ConvertedEntry {
  std::string from;   // its alias before
  std::string alias;  // its alias now: another where two would be one (Java folds case), or where the new type folds
  bool collided = false;
};

struct Conversion {
  Keystore store;
  std::vector<ConvertedEntry> entries;
};

// All entries, in their order. Aliases that the new type cannot tell apart get -2, -3, … and are marked `collided`.
// Failure("key-unsupported") names the entry whose key the new type cannot hold (secret keys in a JKS); then nothing was
// converted. Failure("wrong-key-password") names the entry that stays closed.
[[nodiscard]] Conversion convert_keystore(const Keystore& store, const ConversionOptions& options);

// One entry, made fit for `target` (its key sealed there, attributes as above) but not put into it; the alias is
// stored_alias of `alias`. Failures as above.
[[nodiscard]] Entry converted_entry(const Keystore& from, const Entry& entry, const Keystore& target,
                                    const std::string& alias, const ConversionOptions& options);

}  // namespace chancery::java
