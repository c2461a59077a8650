// Backup sets: one zip per change under STATE/backups, with a MACed manifest.
//
//   std::string id = sets.create(generation, {"console", "portal"}, cause);   // "20261121T101500Z-000012"
//   BackupSet set = sets.open(id);                                            // verified: MAC, hashes, names, sizes
//   for (const auto& [path, file] : set.files("identities/portal/")) …
//
// A set holds *all* files of the generation that was in force before the change, with modes and owners; `components`
// says what the change was about to touch (identities, "trust/engine", "profiles", …) and is what a restore brings back
// when nothing else is asked for. The zip is 0600, written under a temporary name, synced, renamed, folder synced.
//
// The whole file is sealed by a MAC in the zip's comment (archive.h) that is checked before anything is parsed: one
// byte changed anywhere is Failure("backup-damaged"). Behind it: caps on members (10,000), one member (64 MiB), the
// whole (256 MiB, measured before inflating; 96 MiB packed), names checked (no "..", no absolute names, no links, no
// duplicates), CRC by libzip, and the sealed manifest's SHA-256, size and mode of each file. Nothing is handed out of a
// set that is off. An id is looked up only as a plain name of the form above: anything else is
// Failure("unknown-backup"). A second set of one generation within one second is named (and dated) a second later.
//
// Beside the sets, backups/pristine/000012.zip holds what generation 12 was when it was made, as its manifest says, in
// the same archive under the same key (but of another format: a backup set may hold edits by hand and is never taken
// for it). It is no set: ids() and what is built on it do not know it.
// Thread safety: none needed; what is not const under the writer's lock. An empty mac_key: Failure("no-mac-key").
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "backup/generations/generations.h"

namespace chancery::backup {

struct BackupSummary {
  std::string id;
  Instant created{};
  GenerationNumber generation = 0;
  std::vector<std::string> components;
  Cause cause;
  bool verified = false;  // MAC and all hashes hold, read now
  std::string problem;    // why not
};

class BackupSet {
 public:
  const BackupSummary& summary() const noexcept { return summary_; }
  // Files whose path starts with `prefix`, with the attributes they had. Move-only contents: call once per need.
  std::map<std::string, NewFile> files(const std::string& prefix) const;

 private:
  friend class BackupSets;
  BackupSet() = default;
  BackupSummary summary_;
  std::map<std::string, NewFile> files_;
};

class BackupSets {
 public:
  BackupSets(const Folder& state, SecretBytes mac_key);

  // `outside`: files that the change touches outside the state, as they were, each under "foreign" and its absolute path
  // ("foreign/etc/ssl/certs/java/cacerts"); its component is that same name, also where the file was absent.
  std::string create(const Generation& generation, const std::vector<std::string>& components, const Cause& cause,
                     std::map<std::string, NewFile> outside = {});
  [[nodiscard]] std::vector<std::string> ids() const;                // newest first
  [[nodiscard]] BackupSummary summary(const std::string& id) const;  // never throws for a damaged set: see `verified`
  [[nodiscard]] BackupSet open(const std::string& id) const;
  // For leaving the appliance: the set under a passphrase (libsodium secretstream, argon2id), or as a plain zip.
  [[nodiscard]] SecretBytes export_set(const std::string& id, const SecretBytes* passphrase) const;
  // Takes what export_set made; the MAC must be this appliance's. Returns the id; one already there is
  // "already-exists". Failures of the envelope: "passphrase-needed", "passphrase-wrong", "passphrase-empty" (export).
  std::string import_set(ByteView bytes, const SecretBytes* passphrase);
  // What import_set would take, with every failure it would throw; writes nothing.
  [[nodiscard]] BackupSummary examine_import(ByteView bytes, const SecretBytes* passphrase) const;
  // Keeps the newest `count` sets and all in `keep`; returns the removed ids.
  std::vector<std::string> prune(std::size_t count, const std::set<std::string>& keep);
  [[nodiscard]] std::vector<std::string> beyond(std::size_t count, const std::set<std::string>& keep) const;  // these
  // Removes every set that holds a file for which `holds` is true (used to purge a key). Returns the removed ids.
  // Damaged sets cannot be judged: they stay, and once the others are done Failure("backup-damaged", needs_person)
  // names them.
  std::vector<std::string> purge(const std::function<bool(const std::string& path, ByteView bytes)>& holds);

  // Writes the pristine copy of a generation that was just staged; synced when it returns. Failure("drift") when a file
  // is not what its manifest says.
  void keep_pristine(const Generation& generation);
  // Verified like a set. Failure("pristine-missing"), Failure("pristine-damaged").
  [[nodiscard]] BackupSet pristine(GenerationNumber number) const;
  [[nodiscard]] std::vector<GenerationNumber> pristine_numbers() const;  // ascending; nothing is verified
  void remove_pristine(GenerationNumber number);                         // absent is as good as removed

 private:
  const Folder& state_;
  SecretBytes mac_key_;
};

}  // namespace chancery::backup
