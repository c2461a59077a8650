// A generation while it is being built: a folder of the new number without a manifest, which is what tells it from a
// complete one. The manifest is put in by one rename after everything else is on disk, names included. (The folder
// itself is not renamed: the names in a renamed folder would have to be synced again to be safe on every file system.)
// Destroyed before `finish`, it removes what it made.
//
//   Staging staging(generations_folder, 13, attributes_of_folders);
//   staging.copy(parent_folder, "identities/portal/key.pem");
//   staging.create("identities/portal/certificate.pem", view_of(pem), {.mode = 0644});
//   staging.finish(manifest_text);
//
// Not checked: that paths are plain, or that there are enough files to make sense. Thread safety: one thread.
#pragma once

#include <map>
#include <string>

#include "backup/generations/generations.h"

namespace chancery::backup {

class Staging {
 public:
  // Failure("already-exists") where the name is taken: numbers are fresh, so somebody else made it.
  Staging(const Folder& generations, GenerationNumber number, const FolderAttributes& attributes);
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;
  ~Staging();

  // Each returns the record of what was written, for the manifest. The new file has exactly the attributes asked for,
  // whatever the umask, and is never open to more than its owner before that.
  ManifestFile create(const std::string& path, ByteView bytes, const FileAttributes& attributes);
  ManifestFile copy(const Folder& from, const std::string& path, const FileAttributes& attributes);

  // Syncs every file and folder and the name in generations/, then writes the manifest atomically.
  void finish(const std::string& manifest);

 private:
  struct Target {
    const Folder& folder;
    std::string name;
  };
  Target target(const std::string& path);
  const Folder& folder(const std::string& path);
  void sync_all() const;
  void remove_again() const noexcept;

  const Folder& generations_;
  const FolderAttributes& attributes_;
  std::string name_;
  bool finished_ = false;
  bool can_clone_ = true;
  std::map<std::string, Folder> folders_;  // by path below the generation, "" its own
};

}  // namespace chancery::backup
