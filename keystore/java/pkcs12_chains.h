// Which certificates belong to a key of a PKCS#12, as Java links them: the leaf by localKeyID and alias, by localKeyID, or by
// alias, among the certificates that are not marked as trusted; then issuer after issuer by name, among all. Where several
// have the name, key identifiers decide (RFC 5280, 4.2.1.1). Signatures are not checked. Internal to keystore/java.
// Thread safety: values.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "keystore/java/pkcs12_bags.h"

namespace chancery::java::pkcs12 {

// The localKeyID that Java gives to the only key, and to its certificate, where they have none.
inline constexpr std::string_view only_id = "01";

class Chains {
 public:
  // In the order of the file. `is_after_only_key`: exactly one private key stood before it, which Java takes for its
  // own where it is the first of its SafeContents and has no localKeyID. The bag is referred to.
  void add(const Bag& certificate, bool is_after_only_key);
  // Leaf first; empty where none is the key's. `id`: the key's localKeyID, or what stands for it.
  // Failure("keystore-hostile") where all chains together get far longer than a file of this size has reason for.
  [[nodiscard]] std::vector<const Bag*> chain_of(std::optional<std::string_view> id, const std::string& alias,
                                                 const std::string& source);

 private:
  const Bag* leaf_of(std::optional<std::string_view> id, const std::string& alias) const;
  const Bag* issuer_of(const Bag& certificate);
  void index_subjects();

  std::vector<const Bag*> all_;
  std::unordered_map<std::string, const Bag*> by_id_and_alias_;  // the first
  std::unordered_map<std::string, const Bag*> by_id_;            // the last
  std::unordered_map<std::string, const Bag*> by_alias_;         // the last
  std::unordered_map<std::string, std::vector<const Bag*>> by_subject_;
  std::size_t indexed_ = 0;
  std::size_t file_size_ = 0;
  std::size_t chained_size_ = 0;
};

}  // namespace chancery::java::pkcs12
