// Backup sets of keystores that lie outside generations: the file as it was before each edit.
//
//   StoreSets sets = StoreSets::for_writing("/var/lib/chancery");
//   std::string id = sets.create({.path = "/etc/tomcat/store.p12", .bytes = before, .attributes = its}, cause);
//   …                                                         // "20261121T101500Z-store-3fa9c210"
//   StoreSet set = open_store_set("/var/lib/chancery", id);
//
// They lie, one sealed zip a set (set_file.h), mode 0600 in a folder of mode 0700,
//   - in STATE/backups/keystores, sealed with the appliance's key, for whoever may read that key;
//   - else in $XDG_STATE_HOME/chancery where that is set, in /var/lib/chancery-keystores for root and in
//     ~/.local/state/chancery for anybody else, sealed with a key made there at first use: that shows damage, not
//     forgery by the same user.
// The last part of an id are the first 8 hex digits of the SHA-256 of the path, so all sets of one file end alike; the
// newest 20 of each are kept. The path is kept byte for byte and absolute; the component is "keystore:" and the path, made
// printable. Failures as BackupSets': "backup-damaged", "unknown-backup"; "backup-impossible" where no folder for
// sets can be made. Thread safety: none needed; several processes may write at once.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "backup/sets/backup_sets.h"
#include "backup/sets/content_sums.h"

namespace chancery::backup {

struct StoreCopy {
  std::string path;  // absolute, links resolved
  NewFile file;
};

// The same before it is one: nothing is copied.
struct StoreView {
  std::string path;
  ByteView bytes;
  FileAttributes attributes;
  std::optional<ContentSums> sums = {};  // of the bytes, where they are known
};

struct StoreSet {
  BackupSummary summary;
  StoreCopy copy;
};

class StoreSets {
 public:
  // Where a set of this user is made now.
  [[nodiscard]] static StoreSets for_writing(const std::string& state);
  // Every place that this user can read and that exists.
  [[nodiscard]] static std::vector<StoreSets> for_reading(const std::string& state);

  // Synced when it returns. At most 64 MiB. Failure("backup-impossible") with a hint. `last_look` is called when the set
  // is written but has no name yet: what it throws is thrown on, and there is no set.
  std::string create(const StoreView& store, const Cause& cause, const std::function<void()>& last_look = {});
  [[nodiscard]] std::vector<std::string> ids() const;                // newest first
  [[nodiscard]] BackupSummary summary(const std::string& id) const;  // never throws for a damaged set: see `verified`
  [[nodiscard]] StoreSet open(const std::string& id) const;
  void remove(const std::string& id) const;  // synced; not there is fine
  // As it lies here, or in an envelope (envelope.h) under a passphrase. A damaged set does not leave.
  [[nodiscard]] SecretBytes export_set(const std::string& id, const SecretBytes* passphrase) const;
  // A set that left here and is not here any more: its seal is this place's. Failure("backup-damaged"), ("already-exists").
  [[nodiscard]] BackupSummary examine_import(ByteView zip) const;
  std::string import_set(ByteView zip) const;
  // Those that are older than the newest `count` of the same file.
  [[nodiscard]] std::vector<std::string> beyond(std::size_t count) const;
  [[nodiscard]] const std::string& folder() const noexcept { return folder_; }

 private:
  StoreSets(std::string folder, std::string key, bool makes_key)
      : folder_(std::move(folder)), key_(std::move(key)), makes_key_(makes_key) {}
  SecretBytes key() const;
  std::string folder_;  // with the sets
  std::string key_;     // path of the MAC key
  bool makes_key_;
};

// Whether bytes are to be such a set; nothing is checked.
[[nodiscard]] bool looks_like_store_set(ByteView zip);
// An id of the form above, whether or not there is such a set.
[[nodiscard]] bool is_store_set_id(const std::string& id);

// Of all places, newest first.
[[nodiscard]] std::vector<BackupSummary> store_set_summaries(const std::string& state);
// Failure("unknown-backup"), Failure("backup-damaged").
[[nodiscard]] BackupSummary store_set_summary(const std::string& state, const std::string& id);
[[nodiscard]] SecretBytes export_store_set(const std::string& state, const std::string& id,
                                           const SecretBytes* passphrase);
[[nodiscard]] StoreSet open_store_set(const std::string& state, const std::string& id);

}  // namespace chancery::backup
