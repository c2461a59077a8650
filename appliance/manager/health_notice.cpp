#include "appliance/manager/health_notice.h"

#include <algorithm>

#include "appliance/change/programs.h"
#include "appliance/federation/roster.h"
#include "appliance/health/report.h"
#include "appliance/manager/authority_desk.h"

namespace chancery::manager {
namespace {

bool concerns_others(const Check& check) {
  if (check.grade == Grade::ok) return false;
  return check.check == "drift" || check.check.starts_with("endpoint ") || check.check.starts_with("consumer ") ||
         check.check.starts_with("program ");
}

std::vector<health::Installed> installed(Bench& bench) {
  std::vector<health::Installed> all;
  for (const std::string& identity : identities_of(bench.appliance.role)) {
    try {
      const auto files = change::read_identity(bench.current(), "identities/" + identity);
      if (!files) continue;
      all.push_back({.identity = identity,
                     .subject = files->leaf.subject(),
                     .issuer = files->leaf.issuer(),
                     .sha256 = files->leaf.fingerprint(),
                     .not_after = files->leaf.not_after()});
    } catch (const Failure&) {
      // The doctor tells.
      continue;
    }
  }
  return all;
}

std::optional<std::vector<std::string>> members(Bench& bench) {
  if (bench.appliance.role == Role::secondary) return std::nullopt;
  std::vector<std::string> names = federation::member_names(AuthorityDesk(bench).authority.store());
  std::erase(names, bench.appliance.name);
  return names;
}

}  // namespace

void HealthNotice::write(Bench& bench, const std::vector<Check>& checks) {
  health::Report report{.at = bench.now(), .findings = {}, .certificates = installed(bench), .members = members(bench)};
  std::map<std::string, Instant> now;
  has_news_ = false;
  for (const Check& check : checks) {
    if (!concerns_others(check) || now.contains(check.check)) continue;
    const auto known = since_.find(check.check);
    has_news_ = has_news_ || known == since_.end();
    const Instant since = known == since_.end() ? report.at : known->second;
    now.emplace(check.check, since);
    report.findings.push_back({.check = check.check, .message = check.message, .hint = check.hint, .since = since});
  }
  since_ = std::move(now);
  health::publish(bench.state, report);
}

}  // namespace chancery::manager
