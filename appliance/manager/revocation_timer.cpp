#include "appliance/manager/revocation_timer.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "appliance/manager/revocations.h"

namespace chancery::manager {
namespace {

constexpr std::chrono::seconds own_pause{60};
constexpr std::chrono::seconds longest_pause{300};
constexpr int most_doublings = 6;

}  // namespace

void RevocationTimer::look() {
  const Instant now = clock_();
  if (now < next_ && next_ - now <= longest_pause) return;
  next_ = now;
  try {
    follow();
    if (failures_ > 0) spdlog::info("revocations: the authority answers again");
    failures_ = 0;
  } catch (const std::exception& error) {
    const auto pause = std::chrono::seconds{5} * (1 << std::min(failures_, most_doublings));
    next_ = now + std::min<std::chrono::seconds>(pause, longest_pause);
    if (failures_++ == 0) spdlog::warn("revocations: not known at present: {}", error.what());
  }
}

void RevocationTimer::follow() {
  Bench bench(state_path_, clock_);
  if (bench.appliance.federation.empty()) return;
  if (bench.appliance.role != Role::secondary) next_ = clock_() + own_pause;
  const auto list = list_of_authority(bench);
  if (!list || !is_newer(list_in_force(bench.current()), *list, bench.now())) return;
  const auto writer = bench.try_begin_change("chancery-manager, revocations");
  // Somebody is at work: the next look is soon.
  if (!writer || !is_newer(list_in_force(bench.current()), *list, bench.now())) return;
  const nlohmann::json arguments = nlohmann::json::object();
  const std::vector<SecretBytes> none;
  const Call call(arguments, none, "chancery-manager");
  const nlohmann::json reply = finish(bench, plan_revocations(bench, *list), call);
  spdlog::info("revocations: list {} with {} certificates; generation {} is in force", list->number(),
               list->serials().size(), reply["generation"].dump());
}

}  // namespace chancery::manager
