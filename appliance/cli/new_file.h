// A file that holds a secret, for a path that a person gives: made before the secret is, so that none is lost because it
// could not be written down, and removed again when nothing came of it.
//
//   NewFile file(arguments.value("--output"));     // Failure("already-exists"): nothing is ever overwritten
//   … file.keep(view_of(secret));                   // 0600, written and synced
//
// Thread safety: none needed.
#pragma once

#include <string>

#include "keystore/bytes/bytes.h"

namespace chancery::cli {

class NewFile {
 public:
  explicit NewFile(std::string path);
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  ~NewFile();

  void keep(ByteView bytes);

 private:
  std::string path_;
  int descriptor_ = -1;
  bool kept_ = false;
};

}  // namespace chancery::cli
