#include "appliance/manager/policy_change.h"

#include "appliance/change/generation_policy.h"

namespace chancery::manager {
namespace {

struct Demand {
  std::string minimum_protocol;  // "" where it is not raised
  bool client_certificate = false;
  bool is_more() const { return !minimum_protocol.empty() || client_certificate; }
};

Demand demand_of(const SecurityProfile& before, const SecurityProfile& after) {
  const auto requires_one = [](const SecurityProfile& profile) {
    return profile.client_certificates == ClientCertificates::require ||
           profile.required_level == SecurityLevel::tls_peer_auth;
  };
  return {.minimum_protocol = after.minimum_protocol > before.minimum_protocol ? after.minimum_protocol : "",
          .client_certificate = requires_one(after) && !requires_one(before)};
}

bool exists(Bench& bench, const std::string& name) { return bench.current().has("profiles/" + name + ".toml"); }

}  // namespace

Rehearsed rehearse_profile(Bench& bench, const SecurityProfile& after, std::chrono::milliseconds deadline) {
  // Only a profile that is there already has clients.
  if (!exists(bench, after.name)) return {};
  const Demand demand = demand_of(change::profile_of(bench.current(), after.name), after);
  if (!demand.is_more()) return {};
  std::vector<std::string> endpoints;
  for (const Endpoint& each : change::endpoints_of(bench.current())) {
    if (each.profile == after.name && each.enabled) endpoints.push_back(each.name);
  }
  return rehearse_policy(bench, endpoints, demand.minimum_protocol, demand.client_certificate, deadline);
}

std::optional<Rehearsed> rehearse_profile(Bench& bench, const SecurityProfile& after, change::Plan& plan,
                                          const RehearsalOptions& options) {
  if (options.skip || plan.is_empty()) return std::nullopt;
  Rehearsed rehearsed = rehearse_profile(bench, after, options.deadline);
  if (rehearsed.report.asked == 0) return std::nullopt;
  weigh(plan.report, rehearsed, options.accepted);
  return rehearsed;
}

}  // namespace chancery::manager
