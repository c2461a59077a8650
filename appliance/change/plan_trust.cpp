// Appending to and removing from the CA bundle of the engine. What stood there keeps its bytes.

#include <algorithm>
#include <cctype>

#include "appliance/change/bundle_edits.h"
#include "appliance/change/plan_parts.h"

namespace chancery::change {
namespace {

constexpr const char* bundle_path = "trust/engine/ca-bundle.crt";

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
  const Bytes kept = bundle_without(bytes, {wanted});
  if (kept == bytes) {
    throw Failure({.code = "unknown-certificate",
                   .subject = wanted,
                   .cause = "no certificate in this store has this fingerprint",
                   .hint = "chancery trust list shows what is in it"});
  }
  Plan plan;
  plan.reason = "trust remove";
  put_file(plan.edits, appliance, bundle_path, kept);
  finish_plan(plan, base);
  return plan;
}

}  // namespace chancery::change
