#include "collector/follower.h"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace chancery::collector {

namespace {
constexpr std::chrono::seconds longest_pause{1800};
}

std::optional<wire::Message> Follower::take(const wire::Message& message) {
  if (const auto* anchors = std::get_if<wire::Anchors>(&message)) {
    if (!parts_.may_learn) return wire::Holds{};
    if (parts_.anchors.take(*anchors, {*parts_.trust.given, parts_.trust.mode == "operating-system"})) {
      spdlog::info(
          "the federation's roots have changed: {} beside those that were given, counting from the next connection",
          parts_.anchors.added().size());
    }
    std::erase_if(pending_, [this](const auto& each) { return !parts_.anchors.held(each.first); });
    return holds();
  }
  if (!parts_.may_learn) return std::nullopt;
  if (const auto* prove = std::get_if<wire::Prove>(&message)) {
    schedule(*prove, std::chrono::steady_clock::now());
  } else if (const auto* lists = std::get_if<wire::Revocations>(&message)) {
    if (parts_.revocations.take(*lists, *parts_.trust.counting)) {
      spdlog::info("a new list of revoked certificates is in force");
      return holds();
    }
  }
  return std::nullopt;
}

wire::Message Follower::holds() const {
  wire::Holds holds = parts_.anchors.holds();
  holds.lists = parts_.revocations.digests();
  return holds;
}

void Follower::schedule(const wire::Prove& prove, SteadyTime now) {
  for (const std::string& root : prove.roots) {
    if (!parts_.anchors.held(root)) continue;
    std::uniform_int_distribution<std::int64_t> moment(0, std::int64_t{prove.within_seconds} * 1000);
    pending_[root] = {.when = now + std::chrono::milliseconds(moment(random_))};
  }
}

Follower::SteadyTime Follower::next() const {
  SteadyTime first = SteadyTime::max();
  for (const auto& [root, pending] : pending_) first = std::min(first, pending.when);
  return first;
}

std::optional<Certificate> Follower::due(SteadyTime now) const {
  for (const auto& [root, pending] : pending_) {
    if (pending.when <= now) return parts_.anchors.held(root);
  }
  return std::nullopt;
}

wire::Message Follower::proven(const std::string& root) {
  pending_.erase(root);
  parts_.anchors.set_proven(root);
  return holds();
}

void Follower::failed(const std::string& root, SteadyTime now) {
  const auto found = pending_.find(root);
  if (found == pending_.end()) return;
  found->second.when = now + found->second.pause;
  found->second.pause = std::min(longest_pause, found->second.pause * 2);
}

}  // namespace chancery::collector
