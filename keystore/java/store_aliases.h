// Aliases on their way into a store. Internal to keystore/java.
//
//   AliasBook book(store);                       // what is taken, in the form in which the type compares
//   std::string alias = book.derived(certificate);
//   book.take(alias);
//
// Asking often costs the same in a store of ten entries and of ten thousand. The store must stay as it is while there is a
// book of it. Thread safety: none needed.
#pragma once

#include <string>
#include <unordered_set>

#include "keystore/java/java_keystore.h"
#include "keystore/x509/certificate.h"

namespace chancery::java {

class AliasBook {
 public:
  explicit AliasBook(const Keystore& store) : type_(store.type), store_(&store) {}
  explicit AliasBook(StoreType type) : type_(type) {}

  [[nodiscard]] bool is_taken(const std::string& alias) const;
  // The stored form. Failure("alias-exists") when it is taken already.
  std::string take(const std::string& alias);
  // Free, by store_edits.h's rule; not yet taken.
  [[nodiscard]] std::string derived(const Certificate& certificate) const;
  // `alias`, or with the first of -2, -3, … that is free; not yet taken.
  [[nodiscard]] std::string numbered(const std::string& alias) const;

 private:
  StoreType type_;
  mutable const Keystore* store_ = nullptr;  // nullptr: all that is taken stands in `taken_`
  mutable int asked_ = 0;
  mutable std::unordered_set<std::string> taken_;
};

// NAME for the first, NAME-2 for the second, ….
[[nodiscard]] std::string nth_alias(const std::string& alias, std::size_t number);

// Where an alias comes more than once, the last entry stays.
void keep_last_of_same_alias(std::vector<Entry>& entries);

// Failure("bad-alias") for an alias that nobody could type: empty, or with control characters.
void expect_sane_alias(const std::string& alias);

}  // namespace chancery::java
