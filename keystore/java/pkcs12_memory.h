// What a PKCS#12 remembers of its file, and the steps between the file's bags and the entries of a Keystore. Internal to
// keystore/java.
#pragma once

#include <map>

#include "keystore/java/pkcs12.h"
#include "keystore/java/pkcs12_bags.h"
#include "keystore/java/pkcs12_protection.h"

namespace chancery::java::pkcs12 {

struct CarriedBag {
  SecretBytes whole;
  bool is_encrypted = false;  // to be written among the certificates, where those are encrypted
  std::string what;
};

struct Memory final : FormatMemory {
  bool has_certificates = false;                // had any: else the choice below means nothing
  std::optional<Encryption> certificates = {};  // absent: they are not encrypted
  std::optional<Mac> mac = {};
  std::vector<UnmarkedCertificate> unmarked = {};
  std::vector<CarriedBag> carried = {};
  std::map<std::string, Bytes> names = {};  // alias -> its friendlyName attribute, where that is written otherwise
  std::shared_ptr<DerivedKeys> keys = std::make_shared<DerivedKeys>();
};

// nullptr for other types, and for stores that were not read from a file.
[[nodiscard]] const Memory* memory_of(const Keystore& store);

// Bags -> entries, as Java sees them (pkcs12_entries.cpp).
void collect_entries(const BagReader& bags, Keystore& store, Memory& memory, const std::string& source);
// Entries -> bags. Either may stay empty (pkcs12_layout.cpp).
struct SafeLayout {
  asn1::DerWriter keys;          // SafeContents
  asn1::DerWriter certificates;  // SafeContents
};
[[nodiscard]] SafeLayout lay_out(const Keystore& store, const Memory* memory, bool certificates_are_encrypted);

// Keys (pkcs12_keys.cpp).
[[nodiscard]] KeyMaterial open_key(const Keystore& store, const Entry& entry, const SecretBytes& key_password);
[[nodiscard]] SealedKey seal_key(const Keystore& store, const KeyMaterial& key, const SecretBytes& key_password);
// How a key is encrypted; nullopt: it is not. Checks its iteration count.
[[nodiscard]] std::optional<Encryption> encryption_of_key(ByteView sealed, EntryKind kind, const std::string& source);

}  // namespace chancery::java::pkcs12
