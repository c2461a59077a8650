#include "keystore/trust/os_trust.h"

#include <unistd.h>

#include <array>
#include <cctype>
#include <cstdlib>
#include <filesystem>

#include "keystore/fault.h"
#include "keystore/files/folder.h"
#include "keystore/trust/distrust.h"
#include "keystore/x509/der.h"
#include "keystore/x509/pem.h"

namespace chancery {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t largest_bundle = 64 * 1024 * 1024;
constexpr std::size_t largest_certificate = 1024 * 1024;
constexpr const char* hashed_folder = "/etc/ssl/certs";
constexpr std::array<const char*, 3> usual_places{"/etc/ssl/certs/ca-certificates.crt",
                                                  "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"};

const char* chosen_bundle() {
  // secure_getenv: a set-id program must not take its roots from whoever starts it.
  const char* chosen = ::secure_getenv("SSL_CERT_FILE");
  return chosen != nullptr && *chosen != '\0' && ::access(chosen, F_OK) == 0 ? chosen : nullptr;
}

std::string usual_bundle(const std::string& root) {
  for (const char* place : usual_places) {
    if (::access((root + place).c_str(), F_OK) == 0) return root + place;
  }
  return "";
}

// "4a6481c9.0": how OpenSSL finds a certificate in a folder.
bool is_hash_link(const std::string& name) {
  constexpr std::size_t hash_size = 8;
  if (name.size() < hash_size + 2 || name[hash_size] != '.') return false;
  for (std::size_t at = 0; at < name.size(); ++at) {
    const auto c = static_cast<unsigned char>(name[at]);
    const bool fits = at < hash_size ? std::isxdigit(c) != 0 : at == hash_size || std::isdigit(c) != 0;
    if (!fits) return false;
  }
  return true;
}

// Files that lie in the hashed folder itself, reached by a hash link. What update-ca-certificates manages is a link to
// elsewhere and stands in the bundle already.
void add_hashed(Bytes& bundle, const std::string& root) {
  const fs::path folder = root + hashed_folder;
  std::error_code failed;
  for (fs::directory_iterator at(folder, failed), end; !failed && at != end; at.increment(failed)) {
    if (!is_hash_link(at->path().filename().string())) continue;
    std::error_code unreadable;
    fs::path file = at->path();
    if (at->is_symlink(unreadable)) {
      const fs::path target = fs::read_symlink(file, unreadable);
      if (unreadable || target.is_absolute() || target.has_parent_path()) continue;
      file = folder / target;
    }
    if (!fs::is_regular_file(fs::symlink_status(file, unreadable))) continue;
    try {
      const Bytes bytes = read_file(file.string(), largest_certificate);
      if (!bundle.empty() && bundle.back() != '\n') bundle.push_back('\n');
      bundle.insert(bundle.end(), bytes.begin(), bytes.end());
    } catch (const Failure&) {
      // Who may not read it cannot trust by it; OpenSSL passes it over as well.
    }
  }
}

bool is_distrusted(const pem::Block& block, ByteView der, const std::set<Sha256>& distrusted) {
  if (block.label == "TRUSTED CERTIFICATE" && !trust_store::allows_server_authentication(der)) return true;
  if (distrusted.empty()) return false;
  ByteView rest = der;
  const auto whole = der::next(rest, der::sequence);
  return whole && distrusted.contains(sha256(whole->whole));
}

// The blocks that count; the very bytes where all of them do.
Bytes without_distrusted(Bytes bundle, const std::set<Sha256>& distrusted) {
  static constexpr std::string_view trusted_label = "BEGIN TRUSTED CERTIFICATE";
  if (distrusted.empty() && text_of(bundle).find(trusted_label) == std::string_view::npos) return bundle;
  Bytes kept;
  pem::Scanner scanner(bundle);
  Bytes der;
  while (const auto block = scanner.next()) {
    if (!block->label.ends_with("CERTIFICATE") || !block->is_closed || !pem::decode_into(block->body, der)) continue;
    if (is_distrusted(*block, der, distrusted)) continue;
    ByteView rest = der;
    const auto whole = der::next(rest, der::sequence);
    if (!whole) continue;
    const std::string text = pem::encode("CERTIFICATE", whole->whole);
    kept.insert(kept.end(), text.begin(), text.end());
  }
  return kept;
}

Bytes bundle_at(const std::string& path) { return path.empty() ? Bytes{} : read_file(path, largest_bundle); }

}  // namespace

std::string os_trust_path() {
  const char* chosen = chosen_bundle();
  return chosen != nullptr ? chosen : usual_bundle("");
}

Bytes os_trust_bundle_below(const std::string& root) {
  Bytes bundle = bundle_at(usual_bundle(root));
  add_hashed(bundle, root);
  return without_distrusted(std::move(bundle), trust_store::distrusted_by_p11_kit(root));
}

Bytes os_trust_bundle() {
  const char* chosen = chosen_bundle();
  if (chosen == nullptr) return os_trust_bundle_below("");
  return without_distrusted(bundle_at(chosen), trust_store::distrusted_by_p11_kit(""));
}

}  // namespace chancery
