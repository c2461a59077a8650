#include "appliance/manager/standing.h"

#include <algorithm>
#include <optional>

namespace chancery::manager {

namespace {

constexpr std::chrono::minutes silence{5};
constexpr std::chrono::seconds clock_tolerance{60};  // joins bear five minutes
constexpr std::chrono::days soon{30};
constexpr const char* renewal_hint =
    "chancery cert list there shows which; an own one is replaced by chancery cert replace, one of the federation's "
    "renews itself (chancery federation renew)";

// The largest unit that it fills twice, or seconds.
std::string said(std::chrono::seconds span) {
  const std::int64_t seconds = std::abs(span.count());
  const auto in = [seconds](std::int64_t unit, const char* name) {
    return std::to_string(seconds / unit) + " " + name;
  };
  if (seconds >= 2 * 86400) return in(86400, "days");
  if (seconds >= 2 * 3600) return in(3600, "h");
  if (seconds >= 2 * 60) return in(60, "min");
  return in(1, "s");
}

std::optional<Instant> first_end(const Heartbeat& heartbeat) {
  std::optional<Instant> first;
  for (const Heartbeat::Served& served : heartbeat.served) {
    if (!first || served.not_after < *first) first = served.not_after;
  }
  return first;
}

}  // namespace

Standing standing_of(const federation::Member& member, const Heartbeat* heartbeat, Instant now) {
  Standing standing{.last_seen = member.last_seen.value_or(member.joined), .problems = {}};
  if (heartbeat != nullptr) standing.last_seen = std::max(standing.last_seen, heartbeat->last_seen);
  if (now - standing.last_seen > silence) {
    standing.problems.push_back(
        {"missing", "look at its engine (chancery status there), its network, and at the portal's log here"});
    return standing;
  }
  if (heartbeat == nullptr) return standing;
  if (std::chrono::abs(heartbeat->clock_ahead) > clock_tolerance) {
    standing.problems.push_back(
        {"clock differs by " + said(heartbeat->clock_ahead),
         "set the clock of that appliance or of this one (timedatectl); certificates seem ended, "
         "or not yet valid, where a clock is wrong"});
  }
  if (const auto end = first_end(*heartbeat)) {
    if (*end <= now) {
      standing.problems.push_back({"certificate has ended", renewal_hint});
    } else if (*end - now <= soon) {
      standing.problems.push_back({"certificate ends in " + said(*end - now), renewal_hint});
    }
  }
  if (!heartbeat->version.empty() && heartbeat->version != CHANCERY_VERSION) {
    standing.problems.push_back(
        {"version differs (" + heartbeat->version + ")", "bring both appliances to one version of Chancery"});
  }
  return standing;
}

}  // namespace chancery::manager
