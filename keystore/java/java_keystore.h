// Java keystores without Java: JKS v1 and v2, JCEKS, PKCS#12, BKS, UBER (read only) and BCFKS behind one interface.
//
//   java::Keystore store = java::open_keystore(bytes, {.source = "cacerts", .password = &password});
//   store.entries.push_back(java::trusted_certificate("corp-root", root.der(), now_ms));
//   SecretBytes sealed = java::seal_keystore(store, &password);   // store_file.h puts it in place
//
// The type is found from the content, never from a file's name. Digests and MACs are checked before any entry is
// handed over: a wrong password is Failure("wrong-password"), altered bytes are too ("keystore-damaged" where the two can
// be told apart). Without a password nothing is checked, `integrity` is absent, and entries that need one to be read
// (encrypted certificates of a PKCS#12) make it Failure("password-needed"). Hostile input (counts, lengths, nesting,
// iteration counts over 5,000,000) is Failure("keystore-hostile"), before anything is allocated or computed by what it
// says; bytes of no known format are Failure("not-a-keystore"); a version or algorithm nobody here knows is
// Failure("keystore-unsupported"). Memory: a few times the size of the file.
//
// Not checked: whether certificates are valid, whether keys belong to them. Passwords are UTF-8; each format turns them
// into what Java does (UTF-16 for JKS, BMPString or UTF-8 for PKCS#12). Thread safety: values and pure functions.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "keystore/java/entry.h"

namespace chancery::java {

inline constexpr std::size_t keystore_limit = 64 * 1024 * 1024;
inline constexpr std::uint64_t iteration_limit = 5'000'000;
inline constexpr std::size_t entry_limit = 200'000;  // more are keystore-hostile; so are longer chains
inline constexpr std::size_t chain_limit = 100;

enum class Integrity {
  verified,  // the digest or MAC was right
  absent,    // none in the file (a password-less PKCS#12), or no password was given to check it with
};

// What a format remembers of the file it read, so that a rewrite keeps it: algorithms, iteration counts, bags that are
// no entries. Made and understood by that format only.
struct FormatMemory {
  virtual ~FormatMemory() = default;
};

struct Keystore {
  StoreType type = StoreType::pkcs12;
  int version = 0;  // 1 or 2 for JKS and JCEKS, the file's own for others; 0: this library's choice when sealing
  Integrity integrity = Integrity::absent;
  std::vector<Entry> entries = {};  // in the order of the file
  std::shared_ptr<const FormatMemory> memory = {};
};

struct OpenOptions {
  std::string source;                     // how the file is called in messages
  const SecretBytes* password = nullptr;  // absent: see above. An empty password is a password. Not owned
  // A PKCS#12 that should have a MAC (it holds keys or encrypted parts) but has none is Failure("integrity-absent")
  // unless this says so: somebody may have stripped it.
  bool accept_absent_integrity = false;
  // The store that was sealed into these very bytes by this process, which now reads them back: keys derived from its
  // passwords need not be derived again (PKCS#12), nor the digest or MAC computed again over the bytes it was just made
  // of. `password` must be the one it was sealed under.
  const Keystore* rewritten_from = nullptr;
  // Keeps `bytes`, which nobody may change: certificates then look into them for as long as they live, and not into a
  // copy (JKS, JCEKS).
  std::shared_ptr<const void> owner = {};
};

[[nodiscard]] std::string_view name_of(StoreType type);  // "JKS", "JCEKS", "PKCS12", "BKS", "UBER", "BCFKS"
[[nodiscard]] StoreType type_from_name(
    std::string_view name);                              // any case, "P12" and "PFX" too; Failure("bad-store-type")
[[nodiscard]] std::string_view name_of(EntryKind kind);  // "private-key", "trusted-certificate", "secret-key"
[[nodiscard]] std::optional<StoreType> detect(ByteView bytes);  // by magic and structure; nullopt: none of them

[[nodiscard]] Keystore open_keystore(ByteView bytes, const OpenOptions& options);

// The file's bytes under `password`; nullptr writes a PKCS#12 without encryption and MAC, and is Failure
// ("password-needed") for every other type. Every key must be sealed for this store's type: convert first (open_key, seal_key).
// Failure("password-unsuitable") where the format cannot hold it at all. What Java itself could not read back is not an
// error: ask `java_cannot_read`.
[[nodiscard]] SecretBytes seal_keystore(const Keystore& store, const SecretBytes* password);

// Opens the key of an entry. Wrong password: Failure("wrong-key-password"). Java does not check that the key is of the
// entry's certificate, and neither does this.
[[nodiscard]] KeyMaterial open_key(const Keystore& store, const Entry& entry, const SecretBytes& key_password);
// Seals for `store`'s type under `key_password`. Failure("key-unsupported") where the format cannot hold such a key
// (secret keys in a JKS).
[[nodiscard]] SealedKey seal_key(const Keystore& store, const KeyMaterial& key, const SecretBytes& key_password);

// Why Java's own code could not read back a store of this type under this password, as a sentence for a warning;
// nullopt when it can. (A non-ASCII password of a PKCS#12; of keys in a JCEKS.)
[[nodiscard]] std::optional<std::string> java_cannot_read(StoreType type, const SecretBytes& password);

// Aliases. Java folds case in JKS, JCEKS and PKCS#12 (to lower case, as Locale.ENGLISH does, also outside ASCII) and
// compares exactly in BKS, UBER and BCFKS. `stored_alias` is the form in which such a store keeps it.
[[nodiscard]] std::string stored_alias(StoreType type, std::string_view alias);
[[nodiscard]] const Entry* find_entry(const Keystore& store, std::string_view alias);
[[nodiscard]] Entry* find_entry(Keystore& store, std::string_view alias);

[[nodiscard]] Entry trusted_certificate(std::string alias, SharedDer der, std::int64_t created_ms);

}  // namespace chancery::java
