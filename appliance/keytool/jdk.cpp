// The cacerts that a JDK's keytool would take for the system's: of JAVA_HOME, of the `java` on PATH, else of any JDK here.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "appliance/keytool/work.h"
#include "keystore/fault.h"
#include "keystore/trust/java_places.h"

namespace chancery::keytool {
namespace {

namespace fs = std::filesystem;

std::string cacerts_below(const fs::path& home) {
  const fs::path store = home / "lib" / "security" / "cacerts";
  std::error_code error;
  return fs::exists(store, error) ? store.string() : "";
}

// /usr/lib/jvm/java-17/bin/java -> /usr/lib/jvm/java-17.
std::string cacerts_of_path() {
  const char* path = std::getenv("PATH");
  std::string_view folders = path != nullptr ? path : "";
  while (!folders.empty()) {
    const std::size_t colon = folders.find(':');
    const std::string folder(folders.substr(0, colon));
    folders.remove_prefix(colon == std::string_view::npos ? folders.size() : colon + 1);
    const std::string program = folder + "/java";
    if (folder.empty() || ::access(program.c_str(), X_OK) != 0) continue;
    std::error_code error;
    const fs::path real = fs::canonical(program, error);
    return error ? "" : cacerts_below(real.parent_path().parent_path());
  }
  return "";
}

}  // namespace

std::string system_cacerts() {
  if (const char* home = std::getenv("JAVA_HOME"); home != nullptr && *home != '\0') {
    if (std::string found = cacerts_below(home); !found.empty()) return found;
  }
  if (std::string found = cacerts_of_path(); !found.empty()) return found;
  const std::vector<std::string> all = java_cacerts();
  return all.empty() ? "" : all.front();
}

std::optional<java::Keystore> open_system_cacerts() {
  const std::string path = system_cacerts();
  if (path.empty()) return std::nullopt;
  try {
    const std::optional<SecretBytes> bytes = read_store_file(path);
    if (!bytes) return std::nullopt;
    return java::open_keystore(view_of(*bytes), {.source = path});
  } catch (const Failure&) {
    return std::nullopt;  // as Java: then nobody is trusted by it
  }
}

}  // namespace chancery::keytool
