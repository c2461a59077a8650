#include "keystore/trust/java_places.h"

#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string_view>

namespace chancery {
namespace {

namespace fs = std::filesystem;

constexpr const char* debian_store = "/etc/ssl/certs/java/cacerts";
constexpr const char* jvm_folder = "/usr/lib/jvm";
constexpr std::array stores_of_a_home{"lib/security/cacerts", "jre/lib/security/cacerts"};

void add_file(std::set<std::string>& stores, const fs::path& path) {
  std::error_code failed;
  const fs::path real = fs::canonical(path, failed);
  if (!failed && fs::is_regular_file(real, failed) && !failed) stores.insert(real.string());
}

void add_home(std::set<std::string>& stores, const fs::path& home) {
  for (const char* store : stores_of_a_home) add_file(stores, home / store);
}

// BIN/java is in the home's bin/, after its links (/usr/bin/java -> /etc/alternatives/java -> HOME/bin/java).
void add_java_on_path(std::set<std::string>& stores) {
  const char* path = ::secure_getenv("PATH");
  std::string_view rest = path == nullptr ? "" : path;
  while (!rest.empty()) {
    const std::size_t end = rest.find(':');
    const std::string_view folder = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    if (!folder.starts_with('/')) continue;
    std::error_code failed;
    const fs::path java = fs::canonical(fs::path(folder) / "java", failed);
    if (failed || ::access(java.c_str(), X_OK) != 0) continue;
    add_home(stores, java.parent_path().parent_path());
    return;
  }
}

}  // namespace

std::vector<std::string> java_cacerts() {
  std::set<std::string> stores;
  // secure_getenv: a set-id program must not be shown elsewhere by whoever starts it.
  const char* home = ::secure_getenv("JAVA_HOME");
  if (home != nullptr && *home == '/') add_home(stores, home);
  add_java_on_path(stores);
  std::error_code failed;
  for (fs::directory_iterator at(jvm_folder, failed), end; !failed && at != end; at.increment(failed)) {
    add_home(stores, at->path());
  }
  add_file(stores, debian_store);
  return {stores.begin(), stores.end()};
}

}  // namespace chancery
