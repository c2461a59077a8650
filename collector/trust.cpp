#include "collector/trust.h"

#include "keystore/fault.h"
#include "keystore/files/folder.h"
#include "keystore/trust/os_trust.h"
#include "keystore/x509/material.h"

namespace chancery::collector {

namespace {

void append(Bytes& pem, const Certificate& certificate) {
  const std::string text = certificate.to_pem();
  pem.insert(pem.end(), text.begin(), text.end());
}

void append_file(Bytes& pem, const std::string& path) {
  const Material found = read_material(read_file(path, material_limit), {.source = path});
  if (found.certificates.empty()) {
    throw Failure({.code = "not-a-certificate",
                   .subject = path,
                   .cause = "it holds no certificate, so this collector would trust nobody",
                   .hint = "give the root (or the server's own certificate) as PEM or DER in collector.root-ca or "
                           "collector.trusted"});
  }
  for (const Certificate& certificate : found.certificates) append(pem, certificate);
}

std::shared_ptr<const CertificatePool> pool_of(const Bytes& pem) {
  auto pool = std::make_shared<CertificatePool>();
  pool->add_pem(pem);
  return pool;
}

// What was given, less the dropped roots, and what was added.
Bytes counting_pem(const Bytes& given_pem, const CertificatePool& given, const KeptAnchors& anchors) {
  Bytes pem;
  if (!anchors.has_dropped()) {
    pem = given_pem;
    if (!pem.empty() && pem.back() != '\n') pem.push_back('\n');
  } else {
    for (const Certificate& certificate : given.all()) {
      if (!anchors.is_dropped(certificate.fingerprint())) append(pem, certificate);
    }
  }
  for (const Certificate& root : anchors.added()) append(pem, root);
  return pem;
}

std::function<bool(const Certificate&)> revoked_by(const KeptRevocations& revocations) {
  return [kept = revocations.snapshot()](const Certificate& each) { return kept->lists(each); };
}

}  // namespace

Trust read_trust(const CollectorSettings& settings, const std::string& alpn, const KeptAnchors& anchors,
                 const KeptRevocations& revocations) {
  tls::ClientOptions options;
  options.alpn = {alpn};
  if (settings.required_level != SecurityLevel::tls_peer_auth) {
    options.verify_chain = options.verify_name = false;
    const auto none = std::make_shared<const CertificatePool>();
    return {tls::ClientContext(std::move(options)), "none", {}, none, none};
  }
  Bytes pem;
  if (!settings.root_ca.empty()) append_file(pem, settings.root_ca);
  for (const std::string& path : settings.trusted) append_file(pem, path);
  const bool pinned = !pem.empty();
  if (!pinned) pem = os_trust_bundle();
  const auto given = pool_of(pem);
  options.trust_pem = counting_pem(pem, *given, anchors);
  options.verify_name = settings.verify_hostname;
  options.is_revoked = revoked_by(revocations);
  const auto counting = pool_of(options.trust_pem);
  std::vector<std::string> roots;
  if (pinned) {
    for (const Certificate& certificate : counting->all()) roots.push_back(certificate.fingerprint());
  }
  return {tls::ClientContext(std::move(options)), pinned ? "pinned" : "operating-system", std::move(roots), given,
          counting};
}

tls::ClientContext proof_context(const CollectorSettings& settings, const std::string& alpn, const Certificate& root,
                                 const KeptRevocations& revocations) {
  tls::ClientOptions options;
  options.alpn = {alpn};
  append(options.trust_pem, root);
  options.verify_name = settings.verify_hostname;
  options.is_revoked = revoked_by(revocations);
  return tls::ClientContext(std::move(options));
}

}  // namespace chancery::collector
