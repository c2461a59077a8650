// A read lease (fcntl(2), F_SETLEASE): as long as it is held, nobody has opened the file for writing, truncated it or kept
// it mapped for writing since it was taken. Who tries waits until it is given back, and the holder can see that.
//
//   if (take_read_lease(file.get())) …        // read; then
//   if (!has_read_lease(file.get())) …        // somebody wants to write, or has
//
// Given back with the descriptor. The kernel breaks it after 45 seconds (/proc/sys/fs/lease-break-time). Refused to others
// than the owner (without CAP_LEASE), where somebody has the file open for writing, and here on every file system but the
// local ones that are known to keep it: over a network others write without asking this kernel. Internal to keystore/files.
#pragma once

namespace chancery::files {

[[nodiscard]] bool take_read_lease(int descriptor) noexcept;
[[nodiscard]] bool has_read_lease(int descriptor) noexcept;

}  // namespace chancery::files
