// A folder of files that appears all at once: made and synced under another name beside it, then renamed into place.
// A power cut or a kill leaves either no folder (or the empty one that was there) or all of it; never a part.
//
//   expect_free(directory);                                  // before anything is asked of anybody
//   put_folder(directory, {{"keystore.jks", …}, {"config.json", …}});
//
// Files get mode 0600. A new folder gets 0700; an empty one that was there gives its mode, owner and group, and its
// owner and group to the files. What a kill leaves beside it (.NAME.unfinished) goes with the next put_folder.
// Thread safety: safe; two processes wait for each other (flock of the parent folder).
#pragma once

#include <string>
#include <vector>

#include "keystore/bytes/secret.h"

namespace chancery::nifi {

struct NewFile {
  std::string name;
  SecretBytes bytes;
};

// Failure("already-exists") where `path` is anything but absent or an empty folder; Failure("not-found"),
// ("permission-denied") where its parent would not let it be made.
void expect_free(const std::string& path);
void put_folder(const std::string& path, const std::vector<NewFile>& files);  // the same Failures, and system_failure's

}  // namespace chancery::nifi
