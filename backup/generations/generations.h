// All generations of an appliance, and the link `current` that says which one is in force.
//
//   Generations generations(Folder::open(state), mac_key);
//   GenerationNumber next = generations.stage(current.number(), edits, cause);   // complete, synced, not in force
//   generations.switch_to(next);                                                // one rename, synced: in force
//
// A stage copies every file of its parent (reflink where the file system has it, never a hard link), applies the edits,
// syncs all of it, and then puts in the MACed manifest that makes it complete. Files that were edited by hand in the
// parent, the edited paths included, are *not* taken over or buried silently: stage throws Failure("drift") that names
// them, unless `Adopt::yes` (they are then taken as they are now, less write access for group and others) or
// `Adopt::undo` (what the edits name is as they say, files that the parent's manifest does not know are left out, and
// any other that is not as its manifest says is drift still).
//
// Whatever fails in stage (no space, read-only, too many files …) leaves `current` alone and removes what was made; the
// Failure names the file. Numbers are never used again, also not those of failed stages. switch_to is one rename; a
// Failure of the sync after it may leave the new generation in force, so ask current_number() before undoing.
// The caller holds the writer's lock for everything that is not const; reading needs none.
// Programs that only read pass an empty mac_key: manifests are then not checked.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>

#include "backup/generations/generation.h"

namespace chancery::backup {

struct NewFile {
  SecretBytes bytes;
  FileAttributes attributes;
};
// Path -> new content, or nullopt to leave the file out of the new generation.
using Edits = std::map<std::string, std::optional<NewFile>>;
// Attributes of folders below the generation ("identities/portal"); "" is the generation's own folder and generations/.
// Owners of folders are not part of the manifest; the mapping decides for every new folder.
using FolderAttributes = std::function<FileAttributes(const std::string& path)>;

enum class Adopt { no, yes, undo };

class Generations {
 public:
  Generations(Folder state, SecretBytes mac_key);
  void set_folder_attributes(FolderAttributes attributes);  // default: 0700

  [[nodiscard]] bool has_current() const;
  [[nodiscard]] GenerationNumber current_number() const;  // Failure("not-initialised") when there is none
  [[nodiscard]] Generation current() const;
  [[nodiscard]] Generation open(GenerationNumber number) const;  // Failure("unknown-generation")
  [[nodiscard]] std::vector<GenerationNumber> list() const;      // ascending; incomplete stages left out

  // parent 0: the first one. Returns the number of a complete, synced generation that is not in force.
  GenerationNumber stage(GenerationNumber parent, const Edits& edits, const Cause& cause, Adopt adopt = Adopt::no);
  void switch_to(GenerationNumber number);
  void remove(GenerationNumber number);  // never the current one: Failure("in-use")
  // Removes leftovers of interrupted stages and removals: folders of a number without a manifest, except those in
  // `keep` and the current one, and temporary names. A manifest that is there but damaged is drift, not a leftover.
  void sweep(const std::set<GenerationNumber>& keep);
  // Keeps `keep`, the current one, its parent and the newest `count`; returns what was removed. Removes nothing while
  // the manifest in force cannot be read.
  std::vector<GenerationNumber> retain(std::size_t count, const std::set<GenerationNumber>& keep);

 private:
  Folder state_;
  SecretBytes mac_key_;
  FolderAttributes folder_attributes_;
};

// Paths that differ between two generations, by manifest: "+" only in b, "-" only in a, "~" different bytes or mode.
struct Difference {
  char kind;
  std::string path;
};
[[nodiscard]] std::vector<Difference> difference(const Generation& a, const Generation& b);

}  // namespace chancery::backup
