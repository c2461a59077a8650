#include "appliance/change/os_refresh.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>

#include "appliance/change/run_command.h"
#include "keystore/fault.h"
#include "keystore/files/folder.h"
#include "keystore/trust/os_places.h"

namespace chancery::change {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds patience{120};
constexpr std::size_t configuration_limit = 4 * 1024 * 1024;
// Hooks write what everybody reads; our own umask is for secrets.
constexpr const char* with_usual_umask = "umask 022; exec \"$@\"";

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = "/tmp/chancery-trust-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw system_failure(errno, "make a folder in", "/tmp");
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

// Names of links in the system's folder whose file of a local CA is gone: "NAME.pem".
std::vector<std::string> orphans() {
  std::vector<std::string> names;
  std::error_code failed;
  for (fs::directory_iterator at(os_places::certs, failed), end; !failed && at != end; at.increment(failed)) {
    std::error_code unreadable;
    const fs::path target = fs::read_symlink(at->path(), unreadable);
    if (unreadable || target.parent_path() != os_places::local_cas) continue;
    if (!fs::exists(target, unreadable)) names.push_back(at->path().filename().string());
  }
  return names;
}

// The system's own configuration, and a line for each orphan: "!NAME.crt" is how Debian says that a certificate goes.
std::string configuration_with_orphans() {
  std::string text;
  if (::access(os_places::configuration, F_OK) == 0) {
    text = text_of(read_file(os_places::configuration, configuration_limit));
  }
  if (!text.empty() && text.back() != '\n') text += '\n';
  for (const std::string& name : orphans()) {
    const std::string stem = name.ends_with(".pem") ? name.substr(0, name.size() - 4) : name;
    text += "!" + stem + ".crt\n";
  }
  return text;
}

void link_hooks(const std::string& folder) {
  const bool has_java_store = ::access(os_places::java_store, F_OK) == 0;
  std::error_code failed;
  for (fs::directory_iterator at(os_places::hooks, failed), end; !failed && at != end; at.increment(failed)) {
    const std::string name = at->path().filename().string();
    if (has_java_store && name == os_places::java_hook) continue;
    fs::create_symlink(at->path(), fs::path(folder) / name);
  }
}

}  // namespace

void refresh_os_trust() {
  if (::access(os_places::update, X_OK) != 0) {
    throw Failure({.code = "os-trust-unsupported",
                   .subject = os_places::update,
                   .cause = "this system has no update-ca-certificates",
                   .hint = "install the package ca-certificates, or add the certificate with the system's own tool"});
  }
  const TemporaryFolder place;
  const Folder folder = Folder::open(place.path());
  folder.create_file("conf", view_of(configuration_with_orphans()), {.mode = 0600});
  folder.make_folder("hooks", {.mode = 0700});
  link_hooks(place.path() + "/hooks");
  const CommandEnd end = run_command({"/bin/sh", "-c", with_usual_umask, "sh", os_places::update, "--certsconf",
                                      place.path() + "/conf", "--hooksdir", place.path() + "/hooks"},
                                     patience);
  if (end.ok) return;
  throw Failure({.code = "os-trust-failed",
                 .subject = os_places::update,
                 .cause = end.how,
                 .hint = "run update-ca-certificates by hand and see what it says"});
}

bool concerns_os_trust(const std::vector<backup::ForeignFile>& files) {
  const std::string prefix = std::string(os_places::local_cas) + "/";
  return std::any_of(files.begin(), files.end(),
                     [&](const backup::ForeignFile& file) { return file.path.starts_with(prefix); });
}

}  // namespace chancery::change
