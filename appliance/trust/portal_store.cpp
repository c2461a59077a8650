#include "appliance/trust/portal_store.h"

#include <set>

#include "keystore/fault.h"
#include "keystore/java/store_edits.h"
#include "keystore/openssl/digest.h"
#include "keystore/x509/certificate_pool.h"
#include "keystore/x509/pem.h"

namespace chancery::trust {
namespace {

constexpr std::string_view x509 = "X.509";

ByteView without_line_end(ByteView password) {
  while (!password.empty() && (password.back() == '\n' || password.back() == '\r')) {
    password = password.first(password.size() - 1);
  }
  return password;
}

}  // namespace

OpenStore open_portal_store(ByteView store, ByteView password_file) {
  OpenStore open{.store = {}, .password = secret_copy(without_line_end(password_file))};
  open.store = java::open_keystore(store, {.source = portal_store_path, .password = &open.password});
  return open;
}

OpenStore open_portal_store(const backup::Generation& generation) {
  if (!generation.has(portal_store_path)) {
    throw Failure({.code = "no-trust",
                   .subject = portal_store_path,
                   .cause = "this generation has no keystore of the portal",
                   .hint = "bring it back: chancery backup list, then chancery backup restore ID"});
  }
  const Bytes store = generation.read(portal_store_path);
  if (!generation.has(portal_password_path)) {
    throw Failure({.code = "password-needed",
                   .subject = portal_password_path,
                   .cause = "the portal's own copy of its keystore's password is gone",
                   .hint = "undo the edits by hand: chancery generation undo"});
  }
  return open_portal_store(store, view_of(generation.read_secret(portal_password_path)));
}

std::vector<Bytes> anchors_of(const java::Keystore& store) {
  std::vector<Bytes> anchors;
  std::set<Sha256> seen;
  for (const java::Entry& entry : store.entries) {
    if (entry.certificates.empty() || entry.kind == java::EntryKind::secret_key) continue;
    const java::StoredCertificate& first = entry.certificates.front();
    if (first.type == x509 && seen.insert(sha256(first.der)).second) anchors.push_back(first.der.copy());
  }
  return anchors;
}

Bytes pem_of(const std::vector<Bytes>& certificates) {
  Bytes out;
  for (const Bytes& der : certificates) {
    const std::string block = pem::encode("CERTIFICATE", der);
    out.insert(out.end(), block.begin(), block.end());
  }
  return out;
}

Bytes portal_trust_pem(const backup::Generation& generation) {
  if (generation.has(portal_store_path)) return pem_of(anchors_of(open_portal_store(generation).store));
  return generation.has(former_portal_bundle) ? generation.read(former_portal_bundle) : Bytes{};
}

OpenStore portal_store_of(ByteView pem_bundle, std::int64_t now_ms) {
  OpenStore made{.store = {}, .password = secret_copy(std::string_view(usual_password))};
  made.store.type = java::StoreType::jks;
  made.store.version = 2;
  CertificatePool pool;
  pool.add_pem(pem_bundle);
  const std::vector<Certificate> certificates = pool.all();
  if (certificates.empty()) return made;
  static_cast<void>(java::import_certificates(made.store, certificates, {.now_ms = now_ms}));
  return made;
}

}  // namespace chancery::trust
