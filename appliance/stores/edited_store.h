// A keystore on its way from what it was to what a command makes of it, wherever it lies.
//
//   EditedStore edited = EditedStore::open({.path = path, .state = state, .doing = "keystore import"});
//   java::Keystore store = java::open_keystore(edited.bytes(), {.source = path, .password = &password});
//   …edit store…
//   const nlohmann::json outcome = edited.put(store, {.password = &password});
//
// A file of anybody's is replaced in place under a lock (files/store_file.h), after the new bytes were read back,
// opened and compared entry by entry, and after the file as it was went into a backup set (backup/sets/store_sets.h). A
// file inside STATE, or a JDK's store on an appliance, becomes a change of that appliance instead
// (manager/managed_store.h): its transaction has its own backup set, and nothing is locked here. `outcome` is what
// show_outcome takes: {"outcome": "done" | "planned" | "refused", "path", "backup_set", …}. With dry_run nothing is
// written, locked or made, but everything that can fail without that is tried. Failures as of those headers. Thread
// safety: one thread per object.
#pragma once

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "keystore/files/folder.h"
#include "keystore/java/java_keystore.h"

namespace chancery::stores {

struct EditOptions {
  std::string path;   // as a person gave it
  std::string state;  // of the appliance, where there is one
  std::string doing;  // "keystore import": for whoever waits for the lock, for the backup set, for the audit
  bool part_hard_links = false;
  bool backup = true;
  bool dry_run = false;
  bool asks_nobody = false;  // until it is put: then others who want to write may be held off (store_file.h)
};

class EditedStore {
 public:
  [[nodiscard]] static EditedStore open(EditOptions options);
  EditedStore(EditedStore&&) noexcept;
  EditedStore& operator=(EditedStore&&) noexcept;
  ~EditedStore();

  [[nodiscard]] bool exists() const noexcept;
  [[nodiscard]] bool is_managed() const noexcept;
  [[nodiscard]] ByteView bytes() const;                     // empty where there is no file
  [[nodiscard]] std::shared_ptr<const void> owner() const;  // of these bytes, for OpenOptions::owner
  [[nodiscard]] const std::string& path() const noexcept;   // absolute, links followed

  struct Passwords {
    const SecretBytes* password = nullptr;  // that it is sealed under; nullptr: a PKCS12 without one
    const SecretBytes* former = nullptr;    // that opened what was read, where that is another
  };
  // A new file is as `fresh` says, without it 0600 where it holds keys, else 0644 less the caller's umask.
  [[nodiscard]] nlohmann::json put(const java::Keystore& store, const Passwords& passwords,
                                   std::optional<FileAttributes> fresh = {});
  // Bytes that were sealed elsewhere, or that nobody can open (a restore). `accept` throws to refuse what was read
  // back. A managed store needs passwords.password: the appliance opens what it is to trust.
  [[nodiscard]] nlohmann::json put_bytes(SecretBytes bytes, const std::function<void(ByteView)>& accept,
                                         const FileAttributes& fresh, const Passwords& passwords);

 private:
  struct State;
  class Keeping;
  explicit EditedStore(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace chancery::stores
