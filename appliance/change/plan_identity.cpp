// Replace and reset: plans that change what identities present.

#include <algorithm>
#include <set>

#include "appliance/change/plan_parts.h"
#include "keystore/x509/certificate_pool.h"

namespace chancery::change {
namespace {

constexpr const char* known_path = "trust/appliance/known.pem";

void expect_customers_own(const std::string& identity) {
  if (identity != "member" && identity != "authority-tls") return;
  throw Failure(
      {.code = "bad-identity",
       .subject = identity,
       .cause = "this identity is made by the federation's own PKI and cannot be replaced",
       .hint = "chancery cert list shows the identities; those of console, portal and engine can be replaced"});
}

// Remembers intermediates and roots that an administrator gave, for building chains later.
void put_known(Plan& plan, const backup::Generation& base, const Appliance& appliance,
               const std::vector<Certificate>& given) {
  CertificatePool known;
  Bytes bytes = base.has(known_path) ? base.read(known_path) : Bytes{};
  known.add_pem(bytes);
  if (!bytes.empty() && bytes.back() != '\n') bytes.push_back('\n');
  const std::size_t before = known.size();
  for (const Certificate& certificate : given) {
    if (!known.add(certificate)) continue;
    const std::string pem = certificate.to_pem();
    bytes.insert(bytes.end(), pem.begin(), pem.end());
  }
  if (known.size() != before) put_file(plan.edits, appliance, known_path, bytes);
}

}  // namespace

Plan plan_replace(const backup::Generation& base, const Appliance& appliance,
                  const std::vector<std::string>& identities, const preflight::Answer& answer,
                  const std::vector<Certificate>& also_trust) {
  Plan plan;
  plan.reason = "replace";
  plan.base = base.number();
  plan.identities = identities;
  plan.report = answer.report;
  if (!answer.identity || plan.report.verdict() == preflight::Verdict::refuse) return plan;
  for (const std::string& identity : identities) {
    expect_customers_own(identity);
    put_identity(plan.edits, &base, appliance, identity, *answer.identity);
  }
  std::vector<Certificate> given;
  for (const Certificate& certificate : answer.identity->intermediates) {
    if (!certificate.is_self_issued()) given.push_back(certificate);
  }
  given.insert(given.end(), also_trust.begin(), also_trust.end());
  put_known(plan, base, appliance, given);
  finish_plan(plan, base);
  return plan;
}

Plan plan_reset(const backup::Generation& base, const Appliance& appliance, const std::string& identity,
                const preflight::Knowledge& knowledge, Instant now) {
  const auto fallback = read_identity(base, "defaults/" + identity);
  if (!fallback) {
    throw Failure({.code = "no-default",
                   .subject = identity,
                   .cause = "there is no default certificate to go back to",
                   .hint = "chancery cert list shows the identities of this appliance"});
  }
  Plan plan;
  plan.reason = "reset";
  plan.identities = {identity};
  plan.report = judge_former(*fallback, identity, appliance, knowledge, now);
  put_identity(plan.edits, &base, appliance, identity, *fallback);
  finish_plan(plan, base);
  return plan;
}

}  // namespace chancery::change
