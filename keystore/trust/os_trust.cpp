#include "keystore/trust/os_trust.h"

#include <unistd.h>

#include <array>
#include <cstdlib>

#include "keystore/files/folder.h"

namespace chancery {
namespace {

constexpr std::size_t largest_bundle = 64 * 1024 * 1024;
constexpr std::array<const char*, 3> usual_places{"/etc/ssl/certs/ca-certificates.crt",
                                                  "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"};

}  // namespace

std::string os_trust_path() {
  // secure_getenv: a set-id program must not take its roots from whoever starts it.
  const char* chosen = ::secure_getenv("SSL_CERT_FILE");
  if (chosen != nullptr && *chosen != '\0' && ::access(chosen, F_OK) == 0) return chosen;
  for (const char* place : usual_places) {
    if (::access(place, F_OK) == 0) return place;
  }
  return "";
}

Bytes os_trust_bundle() {
  const std::string path = os_trust_path();
  return path.empty() ? Bytes{} : read_file(path, largest_bundle);
}

}  // namespace chancery
