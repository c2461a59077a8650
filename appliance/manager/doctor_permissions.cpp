// The doctor on modes and owners: no key is open to anybody who has no business with it.
#include <sys/stat.h>
#include <unistd.h>

#include "appliance/manager/doctor.h"
#include "appliance/manager/program_users.h"

namespace chancery::manager {
namespace {

constexpr mode_t group_and_others_write = 0022;

std::string octal(mode_t mode) {
  std::string text = "0";
  for (int shift = 6; shift >= 0; shift -= 3) text += static_cast<char>('0' + ((mode >> shift) & 7U));
  return text;
}

// The commands that put it right, collected so that a person can paste them.
struct Wrong {
  std::string what;
  std::string command;
};

void compare(std::vector<Wrong>& wrong, const Folder& folder, const std::string& path, const FileAttributes& wanted) {
  const auto status = folder.status(path);
  if (!status) return;
  const std::string full = folder.path() + "/" + path;
  if ((status->mode & ~wanted.mode & 0777U) != 0) {
    wrong.push_back({path + " has mode " + octal(status->mode) + " instead of " + octal(wanted.mode),
                     "chmod " + octal(wanted.mode) + " " + full});
  }
  if ((wanted.owner && *wanted.owner != status->owner) || (wanted.group && *wanted.group != status->group)) {
    wrong.push_back(
        {path + " belongs to somebody else", "chown " + std::to_string(wanted.owner.value_or(status->owner)) + ":" +
                                                 std::to_string(wanted.group.value_or(status->group)) + " " + full});
  }
}

void look_at_state(std::vector<Wrong>& wrong, Bench& bench) {
  struct stat now {};
  if (::fstat(bench.state.descriptor(), &now) != 0) throw system_failure(errno, "look at", bench.appliance.state);
  if ((now.st_mode & group_and_others_write) != 0) {
    wrong.push_back({"the state's folder can be written by others", "chmod go-w " + bench.appliance.state});
  }
  for (const char* part : {"generations", "run"}) {
    const auto status = bench.state.status(part);
    if (status && (status->mode & group_and_others_write) != 0) {
      wrong.push_back(
          {std::string(part) + " can be written by others", "chmod go-w " + bench.state.path() + "/" + part});
    }
  }
  const mode_t open_mode = bench.appliance.separate_users ? 0755 : 0700;
  compare(wrong, bench.state, "secrets", {.mode = 0700, .owner = {}, .group = {}});
  compare(wrong, bench.state, "backups", {.mode = 0700, .owner = {}, .group = {}});
  compare(wrong, bench.state, "settings", {.mode = open_mode, .owner = {}, .group = {}});
  compare(wrong, bench.state, "secrets/generation.key", {.mode = 0600, .owner = {}, .group = {}});
  compare(wrong, bench.state, "secrets/repair.key", {.mode = 0600, .owner = {}, .group = {}});
  compare(wrong, bench.state, "settings/administrator.hash",
          file_attributes(bench.appliance, "identities/console/key.pem"));
  if (bench.appliance.role == Role::secondary) return;
  compare(wrong, bench.state, "authority", owned_by(bench.appliance, "authority", 0700));
  for (const char* key : {"authority/root.key", "authority/issuing.key", "authority/customer.key"}) {
    compare(wrong, bench.state, key, owned_by(bench.appliance, "authority", 0600));
  }
}

void look_at_generation(std::vector<Wrong>& wrong, Bench& bench) {
  const backup::Generation& generation = bench.current();
  for (const std::string& path : generation.files("")) {
    if (path != "manifest.json") compare(wrong, generation.folder(), path, file_attributes(bench.appliance, path));
  }
  for (const char* group : {"identities", "defaults", "pending"}) {
    for (const std::string& identity : generation.folders(group)) {
      const std::string path = std::string(group) + "/" + identity;
      compare(wrong, generation.folder(), path, folder_attributes(bench.appliance, path));
    }
  }
}

}  // namespace

void examine_permissions(Examination& examination, Bench& bench) {
  examination.attempt("permissions", [&] {
    std::vector<Wrong> wrong;
    look_at_state(wrong, bench);
    if (bench.generations.has_current()) look_at_generation(wrong, bench);
    if (wrong.empty()) return examination.ok("permissions", "keys and folders are open only to those who need them");
    for (const Wrong& one : wrong) examination.critical("permissions", one.what, "put it right: " + one.command);
  });
}

}  // namespace chancery::manager
