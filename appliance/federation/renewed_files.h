// The key and the certificate of whoever renews by itself, in two files or in one, replaced so that at every moment there
// is a pair that fits: after a kill the next run finishes what was begun, or goes back to what was.
//
//   RenewedFiles files("/etc/robot/client.crt", "/etc/robot/client.key");     // takes the folder's lock
//   const PrivateKey next = files.next_key(keep);   // on disk before anybody is asked for its certificate
//   files.put(chain);
//
// Beside the files stand meanwhile ".NAME.chancery-new". Mode, owner and group stay those of the files. Between the two
// renames of a pair a reader could see the new key with the old certificate; with both in one file there is no such
// moment, and with the same key only one file changes. Failures: those of folder.h, "busy", "key-encrypted",
// "not-a-key", "key-mismatch", "not-a-certificate". Thread safety: one thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "keystore/files/folder.h"
#include "keystore/x509/private_key.h"

namespace chancery::federation {

class RenewedFiles {
 public:
  // `may_write` false only looks: nothing is locked and nothing finished.
  RenewedFiles(const std::string& certificate_path, const std::string& key_path, bool may_write = true);

  [[nodiscard]] const Certificate& certificate() const noexcept { return certificate_; }
  [[nodiscard]] const PrivateKey& key() const noexcept { return key_; }
  // True where the constructor finished what an earlier run was killed in.
  [[nodiscard]] bool was_finished() const noexcept { return was_finished_; }

  // The present one, or the one that an earlier attempt asked with, or a new one of the same type.
  [[nodiscard]] PrivateKey next_key(bool keep);
  void put(const std::vector<Certificate>& chain);

 private:
  struct Place {
    Folder folder;
    std::string name;
    [[nodiscard]] std::string staged() const { return "." + name + ".chancery-new"; }
  };
  static Place place_of(const std::string& path);
  bool finish_earlier();
  [[nodiscard]] FileAttributes attributes_of(const Place& place) const;

  Place certificate_place_;
  Place key_place_;
  bool is_one_file_;
  bool was_finished_;
  PrivateKey key_;
  Certificate certificate_;
  std::optional<PrivateKey> next_;
};

}  // namespace chancery::federation
