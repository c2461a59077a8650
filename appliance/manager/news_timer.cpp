#include "appliance/manager/news_timer.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "appliance/manager/authority_desk.h"
#include "appliance/manager/authority_news.h"
#include "appliance/manager/customer_key.h"
#include "appliance/manager/revocations.h"
#include "appliance/manager/rotation_follow.h"
#include "appliance/manager/rotation_proof.h"

namespace chancery::manager {
namespace {

constexpr std::chrono::seconds own_pause{60};
constexpr std::chrono::seconds longest_pause{300};
constexpr std::chrono::seconds proof_pause{60};
constexpr std::chrono::seconds failed_proof_pause{10};
constexpr int most_doublings = 6;
constexpr const char* caller = "chancery-manager, federation";

// A clock that was set back must not keep anything from being done for as long as it was ahead.
bool is_due(Instant next, Instant now) { return now >= next || next - now > longest_pause; }

}  // namespace

void NewsTimer::look() {
  const Instant now = clock_();
  if (!is_due(next_, now)) return;
  next_ = now;
  try {
    follow();
    if (failures_ > 0) spdlog::info("federation: the authority answers again");
    failures_ = 0;
  } catch (const std::exception& error) {
    const auto pause = std::chrono::seconds{5} * (1 << std::min(failures_, most_doublings));
    next_ = now + std::min<std::chrono::seconds>(pause, longest_pause);
    if (failures_++ == 0) spdlog::warn("federation: news of the authority are not known at present: {}", error.what());
  }
}

void NewsTimer::follow() {
  Bench bench(state_path_, clock_);
  if (bench.appliance.federation.empty()) return;
  if (bench.appliance.role != Role::secondary) next_ = clock_() + own_pause;
  const federation::News news = news_of_authority(bench);
  follow_revocations(bench, news);
  follow_customer_key(bench, news.customer_key);
  follow_anchors(bench, news.bulletin);
  if (news.bulletin.phase == authority::Phase::activated) prove(bench, news.bulletin);
}

void NewsTimer::follow_revocations(Bench& bench, const federation::News& news) {
  const RevocationLists lists = lists_in(bench, news);
  if (!lists_differ(lists_in_force(bench.current()), lists, bench.now())) return;
  Bench changing(state_path_, clock_);
  const auto writer = changing.try_begin_change("chancery-manager, revocations");
  // Somebody is at work: the next look is soon.
  if (!writer || !lists_differ(lists_in_force(changing.current()), lists, changing.now())) return;
  const nlohmann::json arguments = nlohmann::json::object();
  const std::vector<SecretBytes> none;
  const Call call(arguments, none, "chancery-manager, revocation timer");
  const nlohmann::json reply = finish(changing, plan_revocations(changing, lists), call);
  spdlog::info("revocations: {} lists; generation {} is in force", lists.size(), reply["generation"].dump());
}

// A primary finishes what a command was killed in; everybody else fetches what is newer.
void NewsTimer::follow_customer_key(Bench& bench, std::uint64_t number) {
  const bool is_primary = bench.appliance.role != Role::secondary;
  const auto is_due_here = [&](Bench& one) {
    return is_primary ? !is_handed_out(one) : needs_customer_keys(one, number);
  };
  if (!is_due_here(bench)) return;
  Bench changing(state_path_, clock_);
  const auto writer = changing.try_begin_change("chancery-manager, customer key");
  if (!writer || !is_due_here(changing)) return;
  if (is_primary) return hand_out_customer_keys(changing);
  const nlohmann::json arguments = nlohmann::json::object();
  const std::vector<SecretBytes> none;
  const Call call(arguments, none, caller);
  const nlohmann::json reply = follow_customer_keys(changing, call);
  spdlog::info("customer key: number {} is taken over; generation {} is in force", number, reply["generation"].dump());
}

void NewsTimer::follow_anchors(Bench& bench, const federation::Bulletin& bulletin) {
  const bool is_primary = bench.appliance.role != Role::secondary;
  if (is_primary) tidy_keys();
  if (!needs_following(bench.current(), bench.appliance, bulletin)) return;
  Bench changing(state_path_, clock_);
  const auto writer = changing.try_begin_change("chancery-manager, rotation");
  if (!writer || !needs_following(changing.current(), changing.appliance, bulletin)) return;
  const nlohmann::json arguments = nlohmann::json::object();
  const std::vector<SecretBytes> none;
  const Call call(arguments, none, caller);
  std::optional<AuthorityDesk> desk;
  if (is_primary) desk.emplace(changing);
  const nlohmann::json reply = follow_rotation(changing, desk ? &*desk : nullptr, bulletin, call);
  spdlog::info("rotation: followed step {} ({}); generation {} is in force", bulletin.number,
               authority::to_text(bulletin.phase), reply["generation"].dump());
  next_proof_ = {};
}

// Under the lock: keys that a command has written and not yet entered look like those that one left behind.
void NewsTimer::tidy_keys() {
  Bench changing(state_path_, clock_);
  const auto writer = changing.try_begin_change("chancery-manager, rotation");
  if (!writer) return;
  AuthorityDesk desk(changing);
  authority::Rotation(desk.authority).tidy();
}

void NewsTimer::prove(Bench& bench, const federation::Bulletin& bulletin) {
  const Instant now = clock_();
  if (!is_due(next_proof_, now)) return;
  next_proof_ = now + failed_proof_pause;
  try {
    Bench present(bench.appliance.state, clock_);
    if (needs_following(present.current(), present.appliance, bulletin)) return;
    prove_anchor(present, bulletin);
    if (failed_proofs_ > 0) spdlog::info("rotation: the coming root is proven");
    failed_proofs_ = 0;
    next_proof_ = now + proof_pause;
  } catch (const std::exception& error) {
    if (failed_proofs_++ == 0) spdlog::warn("rotation: the coming root is not proven yet: {}", error.what());
  }
}

}  // namespace chancery::manager
