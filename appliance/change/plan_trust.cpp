// Appending to and removing from the CA bundle of the engine. What stood there keeps its bytes.

#include <algorithm>
#include <cctype>

#include "appliance/change/plan_parts.h"
#include "keystore/x509/pem.h"

namespace chancery::change {
namespace {

constexpr const char* bundle_path = "trust/engine/ca-bundle.crt";

bool is_certificate(const pem::Block& block, const std::string& fingerprint) {
  if (!block.is_closed || !block.label.ends_with("CERTIFICATE")) return false;
  const auto der = pem::decode(block.body);
  return der && sha256_hex(view_of(*der)) == fingerprint;
}

}  // namespace

std::string normal_fingerprint(const std::string& given) {
  std::string plain;
  for (const char c : given) {
    if (c != ':') plain += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  const bool is_hex = std::all_of(plain.begin(), plain.end(), [](unsigned char c) { return std::isxdigit(c) != 0; });
  if (is_hex && plain.size() == 64) return plain;
  throw Failure({.code = "bad-fingerprint",
                 .subject = given,
                 .cause = "this is not a SHA-256 fingerprint",
                 .hint = "give the 64 hexadecimal digits that chancery trust list shows"});
}

Plan plan_trust_append(const backup::Generation& base, const Appliance& appliance,
                       const preflight::BundleAnswer& answer) {
  Plan plan;
  plan.reason = "trust append";
  plan.base = base.number();
  plan.report = answer.report;
  if (answer.fresh.empty() || plan.report.verdict() == preflight::Verdict::refuse) return plan;
  Bytes bytes = base.read(bundle_path);
  if (!bytes.empty() && bytes.back() != '\n') bytes.push_back('\n');
  for (const Certificate& certificate : answer.fresh) {
    const std::string pem = certificate.to_pem();
    bytes.insert(bytes.end(), pem.begin(), pem.end());
  }
  put_file(plan.edits, appliance, bundle_path, bytes);
  finish_plan(plan, base);
  return plan;
}

Plan plan_trust_remove(const backup::Generation& base, const Appliance& appliance, const std::string& fingerprint) {
  const std::string wanted = normal_fingerprint(fingerprint);
  const Bytes bytes = base.read(bundle_path);
  const std::string_view text = text_of(bytes);
  std::string kept;
  std::size_t kept_to = 0;
  bool removed = false;
  pem::Scanner scanner(bytes);
  for (auto block = scanner.next(); block; block = scanner.next()) {
    if (!is_certificate(*block, wanted)) continue;
    removed = true;
    kept += text.substr(kept_to, block->offset - kept_to);
    // To the end of the END line.
    const std::size_t body_end = static_cast<std::size_t>(block->body.data() + block->body.size() - text.data());
    kept_to = std::min(text.find('\n', text.find("-----END", body_end)), text.size() - 1) + 1;
  }
  if (!removed) {
    throw Failure({.code = "unknown-certificate",
                   .subject = wanted,
                   .cause = "no certificate in this store has this fingerprint",
                   .hint = "chancery trust list shows what is in it"});
  }
  kept += text.substr(kept_to);
  Plan plan;
  plan.reason = "trust remove";
  put_file(plan.edits, appliance, bundle_path, view_of(kept));
  finish_plan(plan, base);
  return plan;
}

}  // namespace chancery::change
