// A file whose bytes lie in several places, written without putting them together first.
//
//   write_atomically(folder, "set.zip", pieces, {.mode = 0600}, [&] { prove(); });
//
// As Folder::write_atomically, with one thing more: `last_look` is called when all is written and synced but not yet
// under its name. What it throws leaves the file as it was.
#pragma once

#include <functional>
#include <span>

#include "keystore/files/folder.h"

namespace chancery {

void write_atomically(const Folder& folder, const std::string& name, std::span<const ByteView> pieces,
                      const FileAttributes& attributes, const std::function<void()>& last_look = {});

}  // namespace chancery
