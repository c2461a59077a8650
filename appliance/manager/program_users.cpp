#include "appliance/manager/program_users.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <vector>

#include "keystore/fault.h"

namespace chancery::manager {
namespace {

constexpr std::size_t buffer_size = std::size_t{16} * 1024;

bool has_group(const std::string& name) {
  group entry{};
  group* found = nullptr;
  std::vector<char> buffer(buffer_size);
  getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  return found != nullptr;
}

}  // namespace

std::optional<ProgramUser> program_user(const std::string& program) {
  const std::string name = "chancery-" + program;
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer(buffer_size);
  getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) return std::nullopt;
  return ProgramUser{.uid = found->pw_uid, .gid = found->pw_gid};
}

bool can_separate_users(Role role) {
  static constexpr std::array programs{"console", "portal", "engine", "authority"};
  // What portal and engine of a single appliance share is readable by a group that both are in.
  const bool can_share = role != Role::single || has_group("chancery-member");
  return ::geteuid() == 0 && can_share && std::all_of(programs.begin(), programs.end(), [](const char* program) {
           return program_user(program).has_value();
         });
}

std::string user_name(uid_t uid) {
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer(buffer_size);
  getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found);
  return found == nullptr ? "uid " + std::to_string(uid) : found->pw_name;
}

FileAttributes owned_by(const Appliance& appliance, const std::string& program, mode_t mode) {
  if (!appliance.separate_users) return {.mode = mode, .owner = {}, .group = {}};
  const auto user = program_user(program);
  if (!user) {
    throw Failure(
        {.code = "unknown-user",
         .subject = "chancery-" + program,
         .cause = "this user does not exist",
         .hint = "create it with systemd-sysusers, or set separate-users = false in settings/appliance.toml"});
  }
  return {.mode = mode, .owner = user->uid, .group = user->gid};
}

}  // namespace chancery::manager
