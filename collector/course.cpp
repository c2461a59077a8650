#include "collector/course.h"

#include <poll.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <set>

#include "collector/proof.h"
#include "keystore/fault.h"

namespace chancery::collector {

namespace {

using namespace std::chrono_literals;

constexpr auto shortest_pause = 500ms;
constexpr auto longest_pause = 30'000ms;
constexpr auto lasting = 30s;  // a connection that lasted so long starts the waiting anew
constexpr std::chrono::milliseconds first_trial_pause = 2s;
constexpr std::chrono::milliseconds longest_trial_pause = 10min;

// What a server that is none of ours shows; anything else may pass by itself.
bool is_stranger(const std::string& code) {
  static const std::set<std::string> passing{"tcp-refused", "tcp-timeout", "tcp-unreachable", "timeout", "closed"};
  return !passing.contains(code);
}

}  // namespace

Course::Course(const Parts& parts)
    : parts_(parts),
      revocations_(parts.state),
      discovery_({.port = parts.settings.discovery_port, .broadcast_address = parts.settings.discovery_address}) {
  look();
}

void Course::run() {
  auto span = std::chrono::milliseconds(shortest_pause);
  while (true) {
    const SteadyTime started = std::chrono::steady_clock::now();
    wanted_pause_ = 0ms;
    const Outcome outcome = round();
    if (outcome == Outcome::stop) return;
    if (outcome == Outcome::again) continue;
    if (std::chrono::steady_clock::now() - started > lasting) span = shortest_pause;
    std::uniform_real_distribution<double> jitter(0.5, 1.5);
    auto wait =
        std::chrono::milliseconds(static_cast<std::int64_t>(static_cast<double>(span.count()) * jitter(random_)));
    if (wanted_pause_ > 0ms) {
      wait = wanted_pause_;
    } else {
      span = std::min(std::chrono::milliseconds(longest_pause), span * 2);
    }
    if (!pause(wait)) return;
  }
}

bool Course::pause(std::chrono::milliseconds span) const {
  std::array<pollfd, 2> watched{pollfd{parts_.signals.stop(), POLLIN, 0}, pollfd{parts_.signals.woken(), POLLIN, 0}};
  ::poll(watched.data(), watched.size(), static_cast<int>(span.count()));
  if (watched[1].revents != 0) parts_.signals.clear_wake();
  return watched[0].revents == 0;
}

void Course::look() {
  try {
    settings_now_ = configured(parts_.settings);
  } catch (const Failure& failure) {
    settings_now_ = std::nullopt;
    spdlog::warn("{} (hint: {})", failure.what(), failure.hint());
    parts_.status.set_disconnected(failure.what());
  }
  // A full disk is no reason to stay away: what is not written down is done again by the next look.
  try {
    if (settings_now_) Standing::keep_shipped(parts_.state, *settings_now_);
    adopt(parts_.state, settings_now_);
  } catch (const Failure& failure) {
    spdlog::warn("{} (hint: {})", failure.what(), failure.hint());
  }
  standing_ = Standing::read(parts_.state);
  if (!anchors_ || anchors_file_ != standing_.anchors_file()) {
    anchors_file_ = standing_.anchors_file();
    anchors_ = std::make_unique<KeptAnchors>(parts_.state, system_now, anchors_file_);
  }
  parts_.status.set_standing(standing_);
}

// Whether what attempts() say now is something else than what this round went by.
bool Course::has_something_new() const {
  const Standing now = Standing::read(parts_.state);
  const auto digest = [](const std::optional<Situation>& each) { return each ? digest_of(*each) : std::string(); };
  return now.resets != standing_.resets || digest(now.bound) != digest(standing_.bound);
}

std::vector<Situation> Course::next_situations() const {
  std::optional<Situation> settings;
  try {
    settings = configured(parts_.settings);
  } catch (const Failure&) {
    // Then what was bound goes on.
  }
  std::vector<Situation> all;
  for (Attempt& each : attempts(Standing::read(parts_.state), settings)) all.push_back(std::move(each.situation));
  return all;
}

Course::Outcome Course::round() {
  look();
  Outcome outcome = Outcome::failed;
  for (const Attempt& each : attempts(standing_, settings_now_)) {
    outcome = attempt(each);
    if (outcome != Outcome::failed) return outcome;
    if (each.is_candidate && standing_.bound) {
      spdlog::warn("not proven: {}; back to the last trust that worked", described(each.situation));
    }
  }
  return outcome;
}

std::vector<std::string> Course::steps_of(const Situation& situation) const {
  const std::vector<std::string>& steps = parts_.settings.discovery;
  const bool is_told = !situation.servers.empty() || situation.portal;
  if (steps.empty()) return {"static"};
  // Handed over by somebody who knew where: that is where it goes.
  if (situation.source != "settings" && situation.source != "shipped" && is_told) return {"static"};
  return steps;
}

Course::Outcome Course::attempt(const Attempt& attempt) {
  Outcome outcome = Outcome::failed;
  for (const std::string& step : steps_of(attempt.situation)) {
    std::vector<tls::Target> servers;
    const bool is_found = step != "static";
    if (is_found) {
      servers =
          discovery_.look(step == "beacon" ? Discovery::Way::beacon : Discovery::Way::broadcast, parts_.signals.stop());
      spdlog::info("discovery by {}: {} found", step, servers.size());
    } else {
      servers = attempt.situation.servers;
      if (attempt.situation.portal) servers.insert(servers.begin(), *attempt.situation.portal);
    }
    for (const tls::Target& server : servers) {
      outcome = connect(attempt, server, is_found);
      if (outcome != Outcome::failed) return outcome;
    }
    if (!pause(0ms)) return Outcome::stop;
    if (!parts_.settings.fall_through) break;
  }
  return outcome;
}

Trust Course::trust_of(const Situation& situation, bool is_found) const {
  return read_trust(situation, wire::collector_protocol, *anchors_, revocations_, is_found);
}

Course::Outcome Course::connect(const Attempt& attempt, const tls::Target& server, bool is_found, bool is_assigned) {
  const std::uint64_t number = ++number_;
  try {
    const Trust trust = trust_of(attempt.situation, is_found);
    parts_.status.set_trying(attempt.situation, trust.mode, is_found);
    if (is_found) {
      spdlog::info("[{}] found by address only: its CA is checked, its name {}", number,
                   trust.context.options().verify_name ? "too" : "not");
    }
    const Uplink uplink({.settings = parts_.settings,
                         .situation = attempt.situation,
                         .is_found = is_found,
                         .identity = parts_.identity,
                         .customer_keys = parts_.customer_keys,
                         .anchors = *anchors_,
                         .revocations = revocations_});
    bool has_connected = false;
    UplinkEvents events;
    events.on_connected = [&](const std::string& name, bool verified, bool plain) {
      has_connected = true;
      parts_.status.set_connected(name, plain);
      on_connected(attempt, verified);
    };
    events.on_move = [&](const wire::Move& move) { return take_move(attempt.situation, move); };
    events.next_trial = [&] { return next_trial_; };
    events.trial = [&] { return try_candidate(); };
    events.next_situations = [&] { return next_situations(); };
    events.wake_descriptor = parts_.signals.woken();
    events.on_woken = [&] {
      parts_.signals.clear_wake();
      if (has_something_new()) return true;
      look();
      if (standing_.candidate) plan_trial(0ms, 0ms);
      return false;
    };
    const Ending ending = uplink.run(server, trust, number, parts_.signals.stop(), events);
    parts_.status.set_disconnected("");
    if (ending.stopped) return Outcome::stop;
    if (ending.has_better) return Outcome::again;
    if (ending.engine && !is_assigned) return connect(attempt, *ending.engine, false, true);
    if (ending.later) {
      std::uniform_int_distribution<std::int64_t> moment(
          std::int64_t{ending.later->after_seconds} * 1000,
          std::int64_t{ending.later->after_seconds + ending.later->within_seconds} * 1000);
      // At least a little: a server that says "now" to everybody would be asked in a loop.
      wanted_pause_ = std::max(std::chrono::milliseconds(shortest_pause), std::chrono::milliseconds(moment(random_)));
    }
    return Outcome::ended;
  } catch (const Failure& failure) {
    parts_.status.set_disconnected(failure.what());
    spdlog::warn("[{}] {} (hint: {})", number, failure.what(), failure.hint());
    if (is_found) discovery_.set_unproven(server, is_stranger(failure.code()));
  }
  return Outcome::failed;
}

void Course::on_connected(const Attempt& attempt, bool verified) {
  plan_trial(first_trial_pause / 4, first_trial_pause);
  if (!attempt.is_candidate || !verified || !attempt.situation.verifies()) return;
  const bool had_another = standing_.bound.has_value();
  try {
    if (!bind(parts_.state, attempt.situation)) return;
  } catch (const Failure& failure) {
    spdlog::warn("proven, and not kept: {} (hint: {})", failure.what(), failure.hint());
    return;
  }
  standing_ = Standing::read(parts_.state);
  parts_.status.set_standing(standing_);
  if (had_another) spdlog::info("bound: {}; what was trusted before is gone", described(attempt.situation));
}

void Course::plan_trial(std::chrono::milliseconds from, std::chrono::milliseconds to) {
  next_trial_ = SteadyTime::max();
  const std::vector<Attempt> all = attempts(standing_, settings_now_);
  const bool waits = all.size() > 1 && all.front().is_candidate && all.front().situation.verifies();
  if (!waits) return;
  std::uniform_int_distribution<std::int64_t> moment(from.count(), std::max(from, to).count());
  next_trial_ = std::chrono::steady_clock::now() + std::chrono::milliseconds(moment(random_));
  trial_pause_ = first_trial_pause;
}

// It stays where it is and trusts more: the server that it is connected to proves that at once.
wire::Moved Course::take_trust(const Situation& present, const wire::Move& move) {
  Situation next = present;
  next.source = "install-trust";
  if (settings_now_) next.settings = settings_now_->settings;
  return take(std::move(next), move, "trust more:");
}

wire::Moved Course::take_move(const Situation& present, const wire::Move& move) {
  if (move.host.empty()) return take_trust(present, move);
  Situation next;
  next.source = "move";
  next.settings = settings_now_ ? settings_now_->settings : present.settings;
  next.servers = {{move.host, move.port, move.name.empty() ? move.host : move.name}};
  return take(std::move(next), move, "move to");
}

// `next` with the anchors that were handed over: a candidate from now on.
wire::Moved Course::take(Situation next, const wire::Move& move, const char* told) {
  const std::size_t known = next.anchors.size();
  try {
    for (const Bytes& der : move.anchors) {
      const Certificate anchor = Certificate::from_der(der);
      if (std::ranges::find(next.anchors, anchor) == next.anchors.end()) next.anchors.push_back(anchor);
    }
    // It stays, and trusts all of them already.
    if (move.host.empty() && next.anchors.size() == known) return {wire::moved_proven, ""};
    if (next.anchors.empty()) return {wire::moved_refused, "no-trust"};
    standing_ = Standing::change(parts_.state, [&](Standing& now) { now.candidate = next; });
  } catch (const Failure& failure) {
    spdlog::warn("told to {} {}, which cannot be taken: {}", told, described(next), failure.what());
    return {wire::moved_refused, failure.code()};
  }
  parts_.status.set_standing(standing_);
  spdlog::info("told to {} {}; it goes on as it is until that is proven", told, described(next));
  plan_trial(0ms, std::chrono::seconds(move.within_seconds));
  return {wire::moved_taken, ""};
}

UplinkEvents::Trial Course::try_candidate() {
  next_trial_ = SteadyTime::max();
  const std::vector<Attempt> all = attempts(standing_, settings_now_);
  if (all.size() < 2 || !all.front().is_candidate) return {};
  const Situation& candidate = all.front().situation;
  std::vector<tls::Target> servers = candidate.servers;
  if (candidate.portal) servers.insert(servers.begin(), *candidate.portal);
  const bool was_told = candidate.source == "move" || candidate.source == "install-trust";
  const auto say = [&](const char* state, const std::string& why) {
    return was_told ? std::optional(wire::Moved{state, why}) : std::nullopt;
  };
  std::string reason = "no-server";
  for (const tls::Target& server : servers) {
    try {
      prove_reach(server, trust_of(candidate, false).context, parts_.identity, parts_.customer_keys,
                  parts_.signals.stop());
      if (!bind(parts_.state, candidate)) continue;
      spdlog::info("bound: {}; what was trusted before is gone", described(candidate));
      return {.is_better = true, .say = say(wire::moved_proven, "")};
    } catch (const Failure& failure) {
      reason = failure.code();
      spdlog::warn("not proven yet: {}: {} (hint: {})", described(candidate), failure.what(), failure.hint());
    }
  }
  next_trial_ = std::chrono::steady_clock::now() + trial_pause_;
  trial_pause_ = std::min(longest_trial_pause, trial_pause_ * 2);
  return {.is_better = false, .say = say(wire::moved_failed, reason)};
}

}  // namespace chancery::collector
