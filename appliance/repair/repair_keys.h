// The federation's repair key where it is kept: STATE/secrets/repair.key of a primary or single appliance, made by init.
//
//   RepairKeys keys(state);
//   write_repair_file({.number = keys.next_number(now), …}, keys.signer());
//   keys.rotate(federation);                    // a new key, signed by the present one
//
// Beside it: repair-succession.json (every later key with its predecessor's signature), repair-number (the last that was
// given away), repair-next.key only while a rotation goes on: it counts once the succession has it, so that a rotation cut
// anywhere leaves one key that the succession ends with. Failure("not-found") where there is no key: the files are
// root's. Thread safety: whoever writes
// (next_number, rotate) holds STATE/lock.
#pragma once

#include "appliance/repair/repair_file.h"
#include "keystore/files/folder.h"

namespace chancery::repair {

class RepairKeys {
 public:
  explicit RepairKeys(const Folder& state);

  Bytes first_key() const;  // what collectors are shipped with: the present key where there was no other
  Bytes present_key() const { return key_.public_key_der(); }
  Signer signer() const { return {succession_, key_}; }
  // Above every one before, and at least the time in seconds, so that a restored backup gives no number twice. Written
  // down before it is returned.
  std::uint64_t next_number(Instant now);
  std::uint64_t last_number() const;
  void rotate(const std::string& federation);

 private:
  void finish_rotation();
  void write_succession(const std::vector<Successor>& succession, const Bytes& first) const;
  const Folder& state_;
  FileAttributes attributes_;
  PrivateKey key_;
  std::vector<Successor> succession_;
  Bytes first_;
  bool is_cut_ = false;  // a rotation was killed after its commit
};

}  // namespace chancery::repair
