// The zip itself: deflated, with Unix modes, equal for equal files and time.
#include "appliance/installer/installer.h"
#include "backup/zip/deflated.h"
#include "keystore/fault.h"

namespace chancery::installer {
namespace {

constexpr std::size_t member_limit = std::size_t{64} * 1024 * 1024;
constexpr unsigned compression_level = 3;

Failure cannot_write(const std::string& cause) {
  return Failure({.code = "installer-failed",
                  .subject = "installer",
                  .cause = "the zip could not be built: " + cause,
                  .hint = "free some memory and try again"});
}

}  // namespace

SecretBytes write_installer(const std::vector<InstallerFile>& files, Instant when) {
  for (const InstallerFile& file : files) {
    if (file.bytes.size() <= member_limit) continue;
    throw Failure({.code = "too-large",
                   .subject = file.path,
                   .cause = "it is larger than 64 MiB",
                   .hint = "strip the program of its debug information: strip chancery-collector"});
  }
  std::vector<zip::Member> members;
  for (const InstallerFile& file : files) members.push_back({file.path, view_of(file.bytes), file.mode});
  // Whatever fits into memory.
  return zip::deflated(members, when, {.level = compression_level, .cannot_write = cannot_write}).value();
}

}  // namespace chancery::installer
