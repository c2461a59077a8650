// Renewal: what the federation's authority issued is followed by its successors.

#include <algorithm>

#include "appliance/change/plan_parts.h"

namespace chancery::change {
namespace {

std::vector<std::string> names_of(const Certificate& certificate) {
  std::vector<std::string> names;
  for (const AlternativeName& name : certificate.names()) names.push_back(to_text(name));
  std::sort(names.begin(), names.end());
  return names;
}

// An earlier default, brought back from a backup set, is no custom certificate: it would never be renewed again.
bool is_earlier_default(const backup::Generation& base, const std::string& identity, const preflight::Identity& renewed,
                        const std::vector<Certificate>& former_issuers) {
  const auto present = read_identity(base, "identities/" + identity);
  if (!present || renewed.intermediates.empty()) return false;
  const auto is_issuer = [&](const Certificate& issuer) { return present->leaf.is_signed_by(issuer); };
  const bool is_ours = is_issuer(renewed.intermediates.front()) || std::ranges::any_of(former_issuers, is_issuer);
  return is_ours && names_of(present->leaf) == names_of(renewed.leaf);
}

}  // namespace

Plan plan_renew(const backup::Generation& base, const Appliance& appliance,
                const std::map<std::string, preflight::Identity>& renewed,
                const std::vector<Certificate>& former_issuers) {
  Plan plan;
  plan.reason = "renew";
  for (const auto& [identity, material] : renewed) {
    put_default(plan.edits, appliance, identity, material);
    if (!is_default(base, identity) && !is_earlier_default(base, identity, material, former_issuers)) continue;
    put_identity(plan.edits, &base, appliance, identity, material);
    plan.identities.push_back(identity);
  }
  finish_plan(plan, base);
  return plan;
}

}  // namespace chancery::change
