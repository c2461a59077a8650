#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "appliance/preflight/describe.h"
#include "appliance/preflight/preflight.h"

namespace chancery::preflight {

namespace {

struct Reader {
  std::string name;
  uid_t user = 0;
  std::vector<gid_t> groups;
};

std::string user_name(uid_t user) {
  std::array<char, 16384> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (getpwuid_r(user, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) return entry.pw_name;
  return std::to_string(user);
}

std::string group_name(gid_t group) {
  std::array<char, 16384> buffer{};
  ::group entry{};
  ::group* found = nullptr;
  if (getgrgid_r(group, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) return entry.gr_name;
  return std::to_string(group);
}

std::optional<Reader> reader_of(const std::string& name) {
  if (name.empty()) {
    Reader self{user_name(geteuid()), geteuid(), {getegid()}};
    std::array<gid_t, 1024> groups{};
    const int count = getgroups(static_cast<int>(groups.size()), groups.data());
    for (int i = 0; i < count; ++i) self.groups.push_back(groups[static_cast<std::size_t>(i)]);
    return self;
  }
  std::array<char, 16384> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return std::nullopt;
  Reader reader{name, entry.pw_uid, {}};
  std::array<gid_t, 1024> groups{};
  int count = static_cast<int>(groups.size());
  if (getgrouplist(name.c_str(), entry.pw_gid, groups.data(), &count) < 0) count = 0;
  reader.groups.assign(groups.begin(), groups.begin() + count);
  if (reader.groups.empty()) reader.groups.push_back(entry.pw_gid);
  return reader;
}

bool in_group(const Reader& reader, gid_t group) {
  return std::find(reader.groups.begin(), reader.groups.end(), group) != reader.groups.end();
}

// `bit` is one of the "other" bits, 04 or 01.
bool allows(const struct stat& status, const Reader& reader, mode_t bit) {
  if (reader.user == 0) return true;
  if (status.st_uid == reader.user) return (status.st_mode & (bit << 6)) != 0;
  if (in_group(reader, status.st_gid)) return (status.st_mode & (bit << 3)) != 0;
  return (status.st_mode & bit) != 0;
}

// Where an access control list decides, the mode bits say nothing about a named user: then nothing is claimed.
bool has_access_list(const std::string& path) {
  return getxattr(path.c_str(), "system.posix_acl_access", nullptr, 0) > 0;
}

// Paths come from a person and end up in commands to be pasted.
std::string quoted(const std::string& path) {
  const bool plain = !path.empty() && std::all_of(path.begin(), path.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || std::strchr("/._-+,:@%", c) != nullptr;
  });
  if (plain) return path;
  std::string out = "'";
  for (const char c : path) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::string mode_text(mode_t mode) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "%04o", static_cast<unsigned>(mode & 07777));
  return text.data();
}

std::string owner_text(const struct stat& status) { return user_name(status.st_uid) + ":" + group_name(status.st_gid); }

// "/", "/etc", "/etc/ssl", … of an absolute path, without the file itself.
std::vector<std::string> folders_of(const std::string& path) {
  std::vector<std::string> folders = {"/"};
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    folders.push_back(path.substr(0, slash));
  }
  return folders;
}

std::string absolute(const std::string& path) {
  char* resolved = realpath(path.c_str(), nullptr);
  if (resolved == nullptr) return path;
  std::string out = resolved;
  free(resolved);  // NOLINT: realpath allocates with malloc
  return out;
}

void judge_folders(const std::string& path, const Reader& reader, Report& report) {
  for (const std::string& folder : folders_of(path)) {
    struct stat status {};
    if (stat(folder.c_str(), &status) != 0) return;
    if (allows(status, reader, 01) || has_access_list(folder)) continue;
    std::string hint;
    if (folder == "/etc/ssl/private") {
      hint = "Debian's way is the group of that folder: adduser " + reader.name + " " + group_name(status.st_gid) +
             ", then restart the service; or: ";
    }
    hint += "setfacl -m u:" + reader.name + ":x " + quoted(folder);
    report.add("key-permissions", path,
               reader.name + " cannot pass through the folder " + printable(folder) + " (mode " +
                   mode_text(status.st_mode) + ", " + owner_text(status) + "), so it cannot reach the private key",
               std::move(hint));
  }
}

void judge_file(const std::string& path, const Reader& reader, Report& report) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    const int error = errno;
    report.add("key-permissions", printable(path),
               "the private key cannot be looked at: " + std::string(std::strerror(error)),
               error == ENOENT ? "check the path with: ls -l " + quoted(path)
                               : "look along the path with: namei -l " + quoted(path));
    return;
  }
  const mode_t mode = status.st_mode;
  const std::string now = "mode " + mode_text(mode) + ", " + owner_text(status);
  if ((mode & 07) != 0) {
    report.add("key-permissions", printable(path),
               "everybody on this machine may " + std::string((mode & 04) != 0 ? "read" : "use") +
                   " the private key (" + now + ")",
               "chmod " + std::string((mode & 040) != 0 ? "0640 " : "0600 ") + quoted(path) +
                   "; if strangers use this machine, treat the key as known to them and make a new one");
  } else if ((mode & 020) != 0) {
    report.add("key-permissions", printable(path),
               "the group " + group_name(status.st_gid) + " may write the private key (" + now + ")",
               "chmod g-w " + quoted(path));
  }
  if (!allows(status, reader, 04) && !has_access_list(path)) {
    std::string hint = "setfacl -m u:" + reader.name + ":r " + quoted(path);
    if (in_group(reader, status.st_gid)) hint = "chmod g+r " + quoted(path);
    if (status.st_uid == reader.user) hint = "chmod u+r " + quoted(path);
    report.add("key-permissions", printable(path), reader.name + " cannot read the private key (" + now + ")",
               std::move(hint));
  }
}

}  // namespace

void judge_key_permissions(const std::vector<std::string>& paths, const std::string& reader_name, Report& report) {
  if (paths.empty()) return;
  const std::optional<Reader> reader = reader_of(reader_name);
  if (!reader) {
    report.add("key-permissions", printable(reader_name),
               "there is no user " + printable(reader_name) + " that could read the private key",
               "make the service's user: adduser --system --group " + quoted(reader_name));
    return;
  }
  for (const std::string& path : paths) {
    const std::string real = absolute(path);
    judge_folders(real, *reader, report);
    judge_file(real, *reader, report);
  }
}

}  // namespace chancery::preflight
