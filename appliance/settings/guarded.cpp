#include "appliance/settings/guarded.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "keystore/fault.h"

namespace chancery {
namespace {

constexpr mode_t written_by_others = 022;

struct Part {
  const char* name;
  bool has_own_owner;
};
constexpr std::array parts{Part{"settings", false}, Part{"secrets", false}, Part{"generations", false},
                           Part{"backups", false},  Part{"run", false},     Part{"authority", true}};

Failure unguarded(const std::string& path, const std::string& cause, const std::string& hint) {
  return Failure({.code = "state-unguarded", .subject = path, .cause = cause, .hint = hint});
}

}  // namespace

void expect_guarded(const Folder& state) {
  struct stat home {};
  if (::fstat(state.descriptor(), &home) != 0) throw system_failure(errno, "look at", state.path());
  if ((home.st_mode & written_by_others) != 0) {
    throw unguarded(state.path(), "can be written by others than its owner",
                    "look whether anybody changed it, then: chmod go-w " + state.path());
  }
  for (const Part& part : parts) {
    const auto status = state.status(part.name);
    if (!status) continue;
    const std::string path = state.path() + "/" + part.name;
    if (status->kind != FileStatus::Kind::folder) {
      throw unguarded(path, "is not a folder but a link or a file", "look who put it there and move it away");
    }
    if ((status->mode & written_by_others) != 0) {
      throw unguarded(path, "can be written by others than its owner",
                      "look whether anybody changed it, then: chmod go-w " + path);
    }
    const bool is_ours = status->owner == home.st_uid || status->owner == 0 || status->owner == ::geteuid();
    if (!is_ours && !part.has_own_owner) {
      throw unguarded(path, "belongs to another user than " + state.path(),
                      "look who put it there, then: chown --reference=" + state.path() + " " + path);
    }
  }
}

}  // namespace chancery
