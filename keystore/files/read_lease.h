// A read lease (fcntl(2), F_SETLEASE): as long as it is held, nobody has opened the file for writing, truncated it or kept
// it mapped for writing since it was taken. Who tries waits until it is given back, and the holder can see that.
//
//   if (take_read_lease(file.get())) …        // read; then
//   if (!has_read_lease(file.get())) …        // somebody wants to write, or has
//   if (FileBytes bytes = mapped(file.get(), size); bytes.owner) …   // instead of reading it
//
// Given back with the descriptor. The kernel breaks it after 45 seconds (/proc/sys/fs/lease-break-time). Refused to others
// than the owner (without CAP_LEASE), where somebody has the file open for writing, and here on every file system but the
// local ones that are known to keep it: over a network others write without asking this kernel. Internal to keystore/files.
#pragma once

#include <memory>

#include "keystore/bytes/bytes.h"

namespace chancery::files {

struct FileBytes {
  ByteView bytes;
  std::shared_ptr<const void> owner;  // nullptr: could not be mapped
};

[[nodiscard]] bool take_read_lease(int descriptor) noexcept;
[[nodiscard]] bool has_read_lease(int descriptor) noexcept;

// The first `size` bytes of a file that is leased, where the kernel has them: not copied, and nothing to wipe. All of
// them are in memory when it returns; a disk that cannot be read is a file that could not be mapped. The lease lives as
// long as the mapping, whatever becomes of the descriptor. Who cuts the file 45 seconds after asking for it ends whoever
// looks at what is gone (SIGBUS); so look at has_read_lease() before believing what came of it.
[[nodiscard]] FileBytes mapped(int leased, std::size_t size);

}  // namespace chancery::files
