#include "keystore/files/read_lease.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/statfs.h>

#include <algorithm>
#include <array>
#include <csignal>

namespace chancery::files {
namespace {

constexpr std::array<unsigned long, 5> local_file_systems{EXT4_SUPER_MAGIC, BTRFS_SUPER_MAGIC, TMPFS_MAGIC,
                                                          F2FS_SUPER_MAGIC, 0x58465342 /* XFS */};

}  // namespace

bool take_read_lease(int descriptor) noexcept {
  struct statfs where {};
  if (::fstatfs(descriptor, &where) != 0) return false;
  const auto kind = static_cast<unsigned long>(where.f_type) & 0xffffffffUL;
  if (std::ranges::find(local_file_systems, kind) == local_file_systems.end()) return false;
  // Who wants to write makes the kernel send a signal: one that does nothing unless a program handles it, and not SIGIO,
  // which ends it.
  return ::fcntl(descriptor, F_SETSIG, SIGURG) == 0 && ::fcntl(descriptor, F_SETLEASE, F_RDLCK) == 0;
}

bool has_read_lease(int descriptor) noexcept { return ::fcntl(descriptor, F_GETLEASE) == F_RDLCK; }

FileBytes mapped(int leased, std::size_t size) {
  void* const begin = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, leased, 0);
  if (begin == MAP_FAILED) return {};
  const std::shared_ptr<const void> owner(begin, [size](const void* at) { ::munmap(const_cast<void*>(at), size); });
  if (::madvise(begin, size, MADV_POPULATE_READ) != 0) return {};
  return {.bytes = {static_cast<const std::uint8_t*>(begin), size}, .owner = owner};
}

}  // namespace chancery::files
