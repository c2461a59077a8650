#include "keystore/fault.h"

#include <cerrno>
#include <system_error>
#include <utility>

namespace chancery {
namespace {

struct Explanation {
  const char* code;
  const char* hint;
};

Explanation explain(int error_number) {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
      return {"no-space", "make room on this file system (or raise the quota), then repeat the command"};
    case EROFS:
      return {"read-only", "mount this file system read-write (see `findmnt -T` and the kernel log), then repeat"};
    case EACCES:
    case EPERM:
      return {"permission-denied", "run as root or as the owner of this path, or correct its owner and mode"};
    case EMFILE:
    case ENFILE:
      return {"too-many-files", "raise the limit of open files (LimitNOFILE= or `ulimit -n`), then repeat"};
    case ENOENT:
    case ENOTDIR:
      return {"not-found", "check the path: this name does not exist there"};
    case EEXIST:
    case ENOTEMPTY:
      return {"already-exists", "something stands there already: move it away or choose another name"};
    default:
      return {"io-error", "check the disk and the kernel log (`dmesg`), then repeat the command"};
  }
}

}  // namespace

Failure::Failure(Fault fault) : fault_(std::move(fault)) {
  // A hint is promised to everybody who shows a Failure; a forgotten one must not come out as an empty line.
  if (fault_.hint.empty()) fault_.hint = "repeat the command; if it fails again, report it together with this message";
  text_ = fault_.subject.empty() ? fault_.cause : fault_.subject + ": " + fault_.cause;
}

Failure system_failure(int error_number, const std::string& action, const std::string& path) {
  const Explanation explanation = explain(error_number);
  return Failure({.code = explanation.code,
                  .subject = path,
                  .cause = "cannot " + action + ": " + std::generic_category().message(error_number),
                  .hint = explanation.hint});
}

}  // namespace chancery
