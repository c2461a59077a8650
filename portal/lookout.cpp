#include "portal/lookout.h"

#include <algorithm>
#include <utility>

namespace chancery::portal {
namespace {

alerts::CertificateEnd end_of(std::string where, const Certificate& certificate) {
  return {.where = std::move(where),
          .subject = certificate.subject(),
          .issuer = certificate.issuer(),
          .sha256 = certificate.fingerprint(),
          .not_after = certificate.not_after()};
}

// Everything that is ever looked at of an appliance.
std::vector<std::string> scopes_of(const std::string& name) {
  return {"served " + name, "installed " + name, "health " + name, "silence " + name, "asked " + name};
}

}  // namespace

Lookout::Lookout(const serving::Program& program, const Engines& engines, const AlertSettings& settings, Clock clock)
    : program_(program), engines_(engines), settings_(settings), clock_(std::move(clock)), started_(clock_()) {}

void Lookout::set(const AlertSettings& settings) {
  const std::lock_guard lock(mutex_);
  next_ = settings;
}

alerts::Sight Lookout::look() {
  {
    const std::lock_guard lock(mutex_);
    if (next_) settings_ = *std::exchange(next_, std::nullopt);
  }
  alerts::Sight sight;
  const Instant now = clock_();
  const std::string& name = program_.appliance().name;
  const std::optional<health::Report> own = health::published(program_.state());
  look_at_own(sight, own, now);
  for (const EngineView& view : engines_.list()) {
    const bool is_known =
        !own || !own->members || view.name == name || std::ranges::count(*own->members, view.name) > 0;
    if (is_known) {
      look_at_engine(sight, view, now);
      continue;
    }
    for (const std::string& scope : scopes_of(view.name)) sight.findings[scope];
  }
  // One certificate is served here and installed there: where it was seen first stays.
  std::ranges::stable_sort(sight.certificates, {}, &alerts::CertificateEnd::sha256);
  const auto is_same = [](const alerts::CertificateEnd& one, const alerts::CertificateEnd& other) {
    return one.sha256 == other.sha256;
  };
  sight.certificates.erase(std::unique(sight.certificates.begin(), sight.certificates.end(), is_same),
                           sight.certificates.end());
  return sight;
}

void Lookout::look_at_certificate(alerts::Sight& sight, const std::string& scope, alerts::CertificateEnd end,
                                  Instant now) const {
  std::vector<alerts::Finding>& findings = sight.findings[scope];
  if (auto finding = alerts::certificate_finding(end, settings_.warn_days, now))
    findings.push_back(std::move(*finding));
  sight.certificates.push_back(std::move(end));
}

void Lookout::look_at_health(alerts::Sight& sight, const std::string& name, const health::Report& report,
                             Instant now) const {
  sight.findings["health " + name] = alerts::health_findings(name, report);
  sight.findings["installed " + name];
  for (const health::Installed& one : report.certificates) {
    look_at_certificate(sight, "installed " + name,
                        {.where = name + " (" + one.identity + ")",
                         .subject = one.subject,
                         .issuer = one.issuer,
                         .sha256 = one.sha256,
                         .not_after = one.not_after},
                        now);
  }
}

void Lookout::look_at_own(alerts::Sight& sight, const std::optional<health::Report>& own, Instant now) const {
  const std::string& name = program_.appliance().name;
  sight.findings["served " + name];
  for (const auto& [endpoint, served] : program_.serving()->endpoints) {
    if (served.chain.empty()) continue;
    look_at_certificate(sight, "served " + name, end_of(name + " (endpoint " + endpoint + ")", served.chain.front()),
                        now);
  }
  if (own && std::chrono::abs(now - own->at) <= health::lasts) look_at_health(sight, name, *own, now);
}

void Lookout::look_at_engine(alerts::Sight& sight, const EngineView& view, Instant now) {
  const bool is_own = view.name == program_.appliance().name;
  if (view.certificate) {
    look_at_certificate(sight, (is_own ? "served by engine of " : "served ") + view.name,
                        end_of(view.name + " (endpoint engine)", *view.certificate), now);
  }
  if (!is_own && view.health) look_at_health(sight, view.name, *view.health, now);
  if (!is_own) {
    std::vector<alerts::Finding>& findings = sight.findings["silence " + view.name];
    const Instant heard = std::max(view.last_seen, started_);
    if (alerts::missing_finding(view.name, heard, settings_.member_missing, now)) {
      // Told as it is: when it was last heard of, not when we began to listen.
      findings.push_back(*alerts::missing_finding(view.name, view.last_seen, settings_.member_missing, now));
    }
  }
  if (!view.was_asked) return;
  if (view.reachable) {
    unreachable_since_.erase(view.name);
    sight.findings["asked " + view.name];
    return;
  }
  const Instant since = unreachable_since_.try_emplace(view.name, now).first->second;
  if (auto finding = alerts::unreachable_finding(view.name, view.problem, since, view.last_seen)) {
    sight.findings["asked " + view.name].push_back(std::move(*finding));
  }
}

}  // namespace chancery::portal
