#include "appliance/change/bundle_edits.h"

#include <algorithm>

#include "keystore/bytes/text_encoding.h"
#include "keystore/x509/certificate_pool.h"
#include "keystore/x509/pem.h"

namespace chancery::change {
namespace {

bool is_one_of(const pem::Block& block, const std::set<std::string>& fingerprints) {
  if (!block.is_closed || !block.label.ends_with("CERTIFICATE")) return false;
  const auto der = pem::decode(block.body);
  return der && fingerprints.contains(sha256_hex(view_of(*der)));
}

}  // namespace

Bytes bundle_with(Bytes bundle, const std::vector<Certificate>& more) {
  CertificatePool present;
  present.add_pem(bundle);
  for (const Certificate& certificate : more) {
    if (present.contains(certificate.fingerprint())) continue;
    if (!bundle.empty() && bundle.back() != '\n') bundle.push_back('\n');
    const std::string pem = certificate.to_pem();
    bundle.insert(bundle.end(), pem.begin(), pem.end());
  }
  return bundle;
}

Bytes bundle_without(ByteView bundle, const std::set<std::string>& fingerprints) {
  const std::string_view text = text_of(bundle);
  Bytes kept;
  std::size_t kept_to = 0;
  const auto keep_to = [&](std::size_t end) {
    kept.insert(kept.end(), bundle.begin() + static_cast<std::ptrdiff_t>(kept_to),
                bundle.begin() + static_cast<std::ptrdiff_t>(end));
  };
  pem::Scanner scanner(bundle);
  for (auto block = scanner.next(); block; block = scanner.next()) {
    if (!is_one_of(*block, fingerprints)) continue;
    keep_to(block->offset);
    // To the end of the END line.
    const std::size_t body_end = static_cast<std::size_t>(block->body.data() + block->body.size() - text.data());
    kept_to = std::min(text.find('\n', text.find("-----END", body_end)), text.size() - 1) + 1;
  }
  keep_to(text.size());
  return kept;
}

}  // namespace chancery::change
