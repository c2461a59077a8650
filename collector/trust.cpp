#include "collector/trust.h"

#include <set>

#include "keystore/trust/os_trust.h"

namespace chancery::collector {

namespace {

void append(Bytes& pem, const Certificate& certificate) {
  const std::string text = certificate.to_pem();
  pem.insert(pem.end(), text.begin(), text.end());
}

std::shared_ptr<const CertificatePool> pool_of(const Bytes& pem) {
  auto pool = std::make_shared<CertificatePool>();
  pool->add_pem(pem);
  return pool;
}

// What was given, less the dropped roots, and what was added.
Bytes counting_pem(const Bytes& given_pem, const KeptAnchors::Given& given, const KeptAnchors& anchors) {
  Bytes pem;
  if (!anchors.has_dropped()) {
    pem = given_pem;
    if (!pem.empty() && pem.back() != '\n') pem.push_back('\n');
  } else {
    for (const Certificate& certificate : given.pool.all()) {
      if (!anchors.is_dropped(certificate.fingerprint())) append(pem, certificate);
    }
  }
  for (const Certificate& root : anchors.added(given)) append(pem, root);
  return pem;
}

std::function<bool(const Certificate&)> revoked_by(const KeptRevocations& revocations) {
  return [kept = revocations.snapshot()](const Certificate& each) { return kept->lists(each); };
}

std::function<bool(const Certificate&)> named_in(const Situation& situation) {
  auto named = std::make_shared<std::set<std::string>>();
  for (const Certificate& each : situation.anchors) named->insert(each.fingerprint());
  return [named](const Certificate& leaf) { return named->contains(leaf.fingerprint()); };
}

bool verifies_name(const Situation& situation, bool is_found) {
  if (!is_found || situation.uses_system_trust) return situation.verify_name;
  return situation.verify_found_name;
}

}  // namespace

Trust read_trust(const Situation& situation, const std::string& alpn, const KeptAnchors& anchors,
                 const KeptRevocations& revocations, bool is_found) {
  tls::ClientOptions options;
  options.alpn = {alpn};
  if (!situation.verifies()) {
    options.verify_chain = options.verify_name = false;
    const auto none = std::make_shared<const CertificatePool>();
    return {tls::ClientContext(std::move(options)), "none", {}, none, none};
  }
  Bytes pem;
  for (const Certificate& each : situation.anchors) append(pem, each);
  if (situation.uses_system_trust) {
    const Bytes bundle = os_trust_bundle();
    pem.insert(pem.end(), bundle.begin(), bundle.end());
  }
  const auto given = pool_of(pem);
  options.trust_pem = counting_pem(pem, {*given, situation.uses_system_trust}, anchors);
  options.only_roots_anchor = situation.uses_system_trust;
  options.verify_name = verifies_name(situation, is_found);
  options.is_revoked = revoked_by(revocations);
  if (!situation.uses_system_trust) options.is_named = named_in(situation);
  const auto counting = pool_of(options.trust_pem);
  std::vector<std::string> roots;
  if (!situation.uses_system_trust) {
    for (const Certificate& certificate : counting->all()) roots.push_back(certificate.fingerprint());
  }
  return {tls::ClientContext(std::move(options)), situation.uses_system_trust ? "operating-system" : "pinned",
          std::move(roots), given, counting};
}

tls::ClientContext proof_context(const Situation& situation, const std::string& alpn, const Certificate& root,
                                 const KeptRevocations& revocations, bool is_found) {
  tls::ClientOptions options;
  options.alpn = {alpn};
  append(options.trust_pem, root);
  options.verify_name = verifies_name(situation, is_found);
  options.is_revoked = revoked_by(revocations);
  return tls::ClientContext(std::move(options));
}

}  // namespace chancery::collector
