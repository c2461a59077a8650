#include "keystore/java/store_conversion.h"

#include "keystore/fault.h"
#include "keystore/java/store_aliases.h"

namespace chancery::java {
namespace {

[[noreturn]] void fail_for_entry(const Failure& failure, const Entry& entry) {
  throw Failure({.code = failure.code(),
                 .subject = entry.alias,
                 .cause = failure.cause(),
                 .hint = failure.hint(),
                 .needs_person = failure.needs_person()});
}

}  // namespace

Entry converted_entry(const Keystore& from, const Entry& entry, const Keystore& target, const std::string& alias,
                      const ConversionOptions& options) {
  Entry converted = entry;
  converted.alias = stored_alias(target.type, alias);
  if (entry.key) {
    try {
      const KeyMaterial key = open_key(from, entry, options.key_password(entry));
      converted.key = seal_key(target, key, options.new_key_password(entry));
    } catch (const Failure& failure) {
      fail_for_entry(failure, entry);
    }
  }
  if (target.type != StoreType::pkcs12) {
    converted.attributes.clear();
    for (StoredCertificate& certificate : converted.certificates) certificate.attributes.clear();
  }
  return converted;
}

Conversion convert_keystore(const Keystore& store, const ConversionOptions& options) {
  Conversion done;
  done.store.type = options.type;
  done.store.entries.reserve(store.entries.size());
  done.entries.reserve(store.entries.size());
  AliasBook book(options.type);
  for (const Entry& entry : store.entries) {
    const std::string folded = stored_alias(options.type, entry.alias);
    const std::string alias = book.take(book.numbered(folded));
    done.store.entries.push_back(converted_entry(store, entry, done.store, alias, options));
    done.entries.push_back({.from = entry.alias, .alias = alias, .collided = alias != folded});
  }
  return done;
}

}  // namespace chancery::java
