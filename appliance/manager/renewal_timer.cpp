#include "appliance/manager/renewal_timer.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "appliance/manager/renewal.h"
#include "appliance/manager/verbs.h"
#include "appliance/manager/witness.h"

namespace chancery::manager {
namespace {

constexpr std::chrono::seconds first_pause{60};
constexpr std::chrono::hours longest_pause{6};
constexpr int most_doublings = 9;

}  // namespace

std::chrono::seconds RenewalTimer::pause_after(int failures) {
  const int doublings = std::clamp(failures - 1, 0, most_doublings);
  return std::min<std::chrono::seconds>(first_pause * (1 << doublings), longest_pause);
}

void RenewalTimer::look() {
  const Instant now = clock_();
  // A clock that was set back must not keep it from trying for as long as it was ahead.
  if (now < not_before_ && not_before_ - now <= longest_pause) return;
  try {
    renew();
    if (failures_ > 0) spdlog::info("renewal: is well again");
    failures_ = 0;
    not_before_ = {};
  } catch (const std::exception& error) {
    not_before_ = now + pause_after(++failures_);
    const auto* failure = dynamic_cast<const Failure*>(&error);
    spdlog::log(failures_ == 1 ? spdlog::level::warn : spdlog::level::info,
                "renewal: failed, and is tried again at {}: {}{}", to_rfc3339(not_before_), error.what(),
                failure == nullptr ? "" : " (hint: " + failure->hint() + ")");
  }
}

void RenewalTimer::renew() {
  Bench bench(state_path_, clock_);
  if (bench.appliance.federation.empty()) return;
  const RenewalNeed need = renewal_need(bench.current(), bench.appliance);
  if (!need.next || bench.now() < *need.next) return;
  const nlohmann::json arguments{{"due_only", true}};
  const std::vector<SecretBytes> none;
  Call call(arguments, none, "chancery-manager, renewal timer");
  const nlohmann::json reply =
      witnessed(bench, {.who = call.who(), .verb = "federation-renew", .arguments = arguments.dump()},
                [&] { return federation_renew(bench, call); });
  if (reply.value("outcome", "") != "done") return;
  spdlog::info("renewal: renewed {}; generation {} is in force", reply["renewed"].dump(), reply["generation"].dump());
}

}  // namespace chancery::manager
