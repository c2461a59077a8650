#include "collector/trust.h"

#include "keystore/fault.h"
#include "keystore/files/folder.h"
#include "keystore/trust/os_trust.h"
#include "keystore/x509/material.h"

namespace chancery::collector {

namespace {

void append_file(Bytes& pem, std::vector<std::string>& roots, const std::string& path) {
  const Material found = read_material(read_file(path, material_limit), {.source = path});
  if (found.certificates.empty()) {
    throw Failure({.code = "not-a-certificate",
                   .subject = path,
                   .cause = "it holds no certificate, so this collector would trust nobody",
                   .hint = "give the root (or the server's own certificate) as PEM or DER in collector.root-ca or "
                           "collector.trusted"});
  }
  for (const Certificate& certificate : found.certificates) {
    const std::string text = certificate.to_pem();
    pem.insert(pem.end(), text.begin(), text.end());
    roots.push_back(certificate.fingerprint());
  }
}

}  // namespace

Trust read_trust(const CollectorSettings& settings, const std::string& alpn) {
  tls::ClientOptions options;
  options.alpn = {alpn};
  if (settings.required_level != SecurityLevel::tls_peer_auth) {
    options.verify_chain = options.verify_name = false;
    return {tls::ClientContext(std::move(options)), "none", {}};
  }
  std::vector<std::string> roots;
  if (!settings.root_ca.empty()) append_file(options.trust_pem, roots, settings.root_ca);
  for (const std::string& path : settings.trusted) append_file(options.trust_pem, roots, path);
  const bool pinned = !roots.empty();
  if (!pinned) options.trust_pem = os_trust_bundle();
  options.verify_name = settings.verify_hostname;
  return {tls::ClientContext(std::move(options)), pinned ? "pinned" : "operating-system", std::move(roots)};
}

}  // namespace chancery::collector
