// What each store format gives to java_keystore.cpp. Internal to keystore/java: everybody else uses java_keystore.h, whose
// promises (errors, limits, what is checked) each implementation keeps.
#pragma once

#include "keystore/java/sealed_store.h"

namespace chancery::java {

struct Format {
  StoreType type;
  // True when the bytes look like this format: magic numbers, outer structure. Cheap, allocates nothing.
  bool (*looks_like)(ByteView bytes);
  Keystore (*open)(ByteView bytes, const OpenOptions& options);
  // The file as a whole; nullptr where the next two are given instead: in pieces, and whether they hold a store.
  SecretBytes (*seal)(const Keystore& store, const SecretBytes* password);
  SealedStore (*seal_in_pieces)(const Keystore& store, const SecretBytes* password) = nullptr;
  bool (*holds)(const SealedStore& sealed, const Keystore& intended, const OpenOptions& options) = nullptr;
  KeyMaterial (*open_key)(const Keystore& store, const Entry& entry, const SecretBytes& key_password);
  SealedKey (*seal_key)(const Keystore& store, const KeyMaterial& key, const SecretBytes& key_password);
  bool folds_alias_case;
};

// One per format file, in the order in which `detect` asks them.
extern const Format jks_format;
extern const Format jceks_format;
extern const Format bks_format;
extern const Format uber_format;
extern const Format bcfks_format;
extern const Format pkcs12_format;

// The failures that all formats share, so that they read alike.
[[noreturn]] void fail_hostile(const std::string& source, const std::string& cause);
[[noreturn]] void fail_damaged(const std::string& source, const std::string& cause);
[[noreturn]] void fail_wrong_password(const std::string& source);
[[noreturn]] void fail_wrong_key_password(const std::string& alias);
[[noreturn]] void fail_password_needed(const std::string& source);
[[noreturn]] void fail_unsupported(const std::string& source, const std::string& cause);

}  // namespace chancery::java
