#include "keystore/trust/distrust.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

#include <array>
#include <filesystem>
#include <optional>

#include "keystore/fault.h"
#include "keystore/files/folder.h"
#include "keystore/openssl/handles.h"
#include "keystore/x509/der.h"
#include "keystore/x509/pem.h"

namespace chancery::trust_store {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t file_limit = 16 * 1024 * 1024;
constexpr std::size_t most_files = 10'000;
constexpr std::array sources{"/etc/pki/ca-trust/source", "/usr/share/pki/ca-trust-source",
                             "/etc/ca-certificates/trust-source", "/usr/share/ca-certificates/trust-source"};
constexpr std::array blocking_folders{"blocklist", "blacklist"};
constexpr std::string_view object_start = "[p11-kit-object-v1]";

bool names_server(const STACK_OF(ASN1_OBJECT) * uses) {
  for (int at = 0; at < sk_ASN1_OBJECT_num(uses); ++at) {
    const int use = OBJ_obj2nid(sk_ASN1_OBJECT_value(uses, at));
    if (use == NID_server_auth || use == NID_anyExtendedKeyUsage) return true;
  }
  return false;
}

// What cannot be read distrusts nothing here; it also trusts nothing.
std::optional<Bytes> readable(const fs::path& path) {
  try {
    return read_file(path.string(), file_limit);
  } catch (const Failure&) {
    return std::nullopt;
  }
}

void add_certificates(std::set<Sha256>& to, ByteView bytes) {
  pem::Scanner scanner(bytes);
  Bytes der;
  bool has_blocks = false;
  while (const auto block = scanner.next()) {
    has_blocks = true;
    if (!block->label.ends_with("CERTIFICATE") || !pem::decode_into(block->body, der)) continue;
    ByteView rest = der;
    if (const auto whole = der::next(rest, der::sequence)) to.insert(sha256(whole->whole));
  }
  if (has_blocks) return;
  ByteView rest = bytes;
  if (const auto whole = der::next(rest, der::sequence); whole && rest.empty()) to.insert(sha256(whole->whole));
}

template <typename Take>
void for_files_in(const fs::path& folder, const Take& take) {
  std::error_code failed;
  std::size_t count = 0;
  for (fs::directory_iterator at(folder, failed), end; !failed && at != end && ++count <= most_files;
       at.increment(failed)) {
    std::error_code unreadable;
    if (at->is_regular_file(unreadable)) take(at->path());
  }
}

// A line of its own: "x-distrusted: true", with blanks as people write them.
bool says_distrusted(std::string_view object) {
  while (!object.empty()) {
    const std::size_t end = std::min(object.find('\n'), object.size());
    std::string line;
    for (const char c : object.substr(0, end)) {
      if (c != ' ' && c != '\t' && c != '\r') line += c;
    }
    if (line == "x-distrusted:true") return true;
    object.remove_prefix(std::min(end + 1, object.size()));
  }
  return false;
}

}  // namespace

bool allows_server_authentication(ByteView trusted_certificate) {
  const unsigned char* at = trusted_certificate.data();
  const ossl::X509Ptr certificate(d2i_X509_AUX(nullptr, &at, static_cast<long>(trusted_certificate.size())));
  if (!certificate) {
    ERR_clear_error();
    return false;
  }
  if (names_server(X509_get0_reject_objects(certificate.get()))) return false;
  const STACK_OF(ASN1_OBJECT)* allowed = X509_get0_trust_objects(certificate.get());
  return allowed == nullptr || names_server(allowed);
}

std::set<Sha256> distrusted_objects(ByteView file) {
  std::set<Sha256> found;
  std::string_view text = text_of(file);
  std::size_t start = text.find(object_start);
  while (start != std::string_view::npos) {
    const std::size_t next = text.find(object_start, start + object_start.size());
    const std::string_view object = text.substr(start, next == std::string_view::npos ? next : next - start);
    if (says_distrusted(object)) add_certificates(found, view_of(object));
    start = next;
  }
  return found;
}

std::set<Sha256> distrusted_by_p11_kit(const std::string& root) {
  std::set<Sha256> found;
  for (const char* source : sources) {
    const fs::path place = root + source;
    for (const char* blocking : blocking_folders) {
      for_files_in(place / blocking, [&](const fs::path& path) {
        if (const auto bytes = readable(path)) add_certificates(found, *bytes);
      });
    }
    for (const char* folder : {"", "anchors"}) {
      for_files_in(place / folder, [&](const fs::path& path) {
        if (path.extension() != ".p11-kit") return;
        if (const auto bytes = readable(path)) found.merge(distrusted_objects(*bytes));
      });
    }
  }
  return found;
}

}  // namespace chancery::trust_store
