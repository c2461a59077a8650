// Which keystores of backup sets hold a key: by its certificate, since the key itself is sealed.
//
//   KeyHunt hunt({digest}, passwords);
//   hunt.look_into(set.copy.file.bytes)        // yes, no, or nobody can tell without its password
//
// A key is told by the leaf of its chain, or by itself where it lies in clear. Passwords that Java itself sets
// ("changeit", the empty one) and those given are tried. Thread safety: none needed.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "keystore/bytes/secret.h"

namespace chancery::manager {

enum class Holds { no, yes, unknown };

class KeyHunt {
 public:
  // SHA-256 of public keys, or fingerprints of certificates, in hex.
  explicit KeyHunt(std::set<std::string> digests, std::vector<SecretBytes> passwords = {})
      : digests_(std::move(digests)), passwords_(std::move(passwords)) {}
  [[nodiscard]] Holds look_into(ByteView keystore) const;

 private:
  std::set<std::string> digests_;
  std::vector<SecretBytes> passwords_;
};

// A file of a generation or of a backup set that is a keystore of somebody else's, or the portal's truststore: either may
// hold keys that stand nowhere else.
[[nodiscard]] bool is_store_in_set(const std::string& path);

struct StorePurge {
  std::vector<std::string> removed;    // or that would be, in a dry run
  std::vector<std::string> undecided;  // sealed under a password nobody gave, or damaged: still there
};

// The sets of keystores outside generations that this user reaches (backup/sets/store_sets.h).
[[nodiscard]] StorePurge purge_store_sets(const std::string& state, const KeyHunt& hunt, bool is_dry);
// Stores of others as they were before changes, kept in STATE/backups/foreign: names in that folder.
[[nodiscard]] StorePurge purge_kept_stores(const std::string& state, const KeyHunt& hunt, bool is_dry);

}  // namespace chancery::manager
