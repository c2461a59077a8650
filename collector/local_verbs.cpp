#include "collector/local_verbs.h"

#include <array>

#include "appliance/control/message.h"
#include "appliance/repair/repair_file.h"
#include "collector/own_identity.h"
#include "keystore/fault.h"

namespace chancery::collector {

namespace {

using namespace std::chrono_literals;

// The installer's copy is root's; without an installer it lies where the settings do.
constexpr std::array<const char*, 2> repair_key_names{"shipped/repair-key.json", "repair-key.json"};

// It looks by itself sooner or later; it is told so that it is now.
void tell_running(const Folder& state) {
  try {
    static_cast<void>(control::ask(state.path() + "/run/collector/control.sock",
                                   {.json = R"({"verb":"look"})", .attachments = {}}, 5s));
  } catch (const Failure& failure) {
    if (failure.code() != "not-running" && failure.code() != "timeout") throw;
  }
}

// Who was told no server goes where it went already (adopt() in standing.h).
bool is_same(const Situation& there, Situation next) {
  if (next.servers.empty()) {
    next.servers = there.servers;
    next.portal = there.portal;
    next.verify_name = there.verify_name;
    next.verify_found_name = there.verify_found_name;
  }
  return there.source == next.source && digest_of(there) == digest_of(next);
}

// What was handed over is tried; the same once more is no news.
Answer hand_over(const Folder& state, const Situation& next, bool dry_run,
                 const std::function<void(Standing& now)>& besides = {}) {
  const std::string trust = described(next);
  if (dry_run) return {.outcome = "planned", .trust = trust};
  bool is_news = false;
  Standing::change(state, [&](Standing& now) {
    const bool is_bound = now.bound && !now.candidate && is_same(*now.bound, next);
    const bool is_there = now.candidate && is_same(*now.candidate, next);
    is_news = besides || (!is_bound && !is_there);
    if (is_news) now.candidate = next;
    if (besides) besides(now);
  });
  if (is_news) tell_running(state);
  return {.outcome = is_news ? "done" : "unchanged", .trust = trust};
}

repair::ShippedKey shipped_key(const Folder& state) {
  for (const char* name : repair_key_names) {
    if (!state.status(name)) continue;
    const Bytes document = state.read(name, repair::file_limit);
    return repair::read_shipped_key(document);
  }
  throw Failure({.code = "no-repair-key",
                 .subject = state.path() + "/" + repair_key_names.back(),
                 .cause = "this collector was installed without the federation's repair key, so no repair file counts",
                 .hint = "give it a CA by hand instead: chancery collector install-trust FILE"});
}

std::string own_id(const Folder& state) { return state.status("collector.key") ? own_identity(state).id : ""; }

}  // namespace

Answer install_trust(const Folder& state, const std::string& source, ByteView file, bool dry_run) {
  Situation next;
  next.source = "install-trust";
  next.anchors = anchors_in(file, source);
  return hand_over(state, next, dry_run);
}

Answer move_here(const Folder& state, const tls::Target& server, const std::string& source, ByteView ca, bool dry_run) {
  Situation next;
  next.source = "move";
  next.servers = {server};
  if (!ca.empty()) {
    next.anchors = anchors_in(ca, source);
    return hand_over(state, next, dry_run);
  }
  const Standing now = Standing::read(state);
  const std::optional<Situation> present = now.bound ? now.bound : Standing::shipped(state);
  if (!present || !present->verifies()) {
    throw Failure({.code = "no-trust",
                   .subject = server.host,
                   .cause = "this collector has not trusted anybody yet, so nobody could prove the new server",
                   .hint = "say who it is under: --ca FILE"});
  }
  next.uses_system_trust = present->uses_system_trust;
  next.anchors = present->anchors;
  return hand_over(state, next, dry_run);
}

Answer repair_apply(const Folder& state, ByteView bytes, Instant now, bool dry_run) {
  const repair::ShippedKey key = shipped_key(state);
  const repair::RepairFile file = repair::RepairFile::read(bytes);
  const std::string id = own_id(state);
  const auto opened = [&](const Standing& standing) {
    return file.open(key, {.id = id, .number = standing.repair_number, .key = standing.repair_key, .now = now});
  };
  const repair::RepairOrder order = opened(Standing::read(state));
  Situation next;
  next.source = "repair";
  next.anchors = order.anchors;
  if (!order.host.empty()) next.servers = {{order.host, order.port, order.name.empty() ? order.host : order.name}};
  Answer answer = hand_over(state, next, dry_run, [&](Standing& standing) {
    // Once more under the lock: another file may have been applied meanwhile.
    static_cast<void>(opened(standing));
    standing.candidate = next;
    standing.repair_number = order.number;
    standing.repair_key = file.signer();
  });
  answer.number = order.number;
  return answer;
}

Answer reset(const Folder& state, bool dry_run) {
  const std::optional<Situation> shipped = Standing::shipped(state);
  if (!shipped) {
    throw Failure({.code = "nothing-shipped",
                   .subject = state.path(),
                   .cause = "this collector has never been started, so it is as it was shipped",
                   .hint = "nothing to do; start it"});
  }
  const Standing before = Standing::read(state);
  const bool is_there = before.bound && before.bound->source == "shipped" && !before.candidate;
  if (dry_run) return {.outcome = "planned", .trust = described(*shipped)};
  if (is_there) return {.outcome = "unchanged", .trust = described(*shipped)};
  Standing::change(state, [&](Standing& now) {
    now.bound = shipped;
    now.candidate = std::nullopt;
    ++now.resets;
  });
  tell_running(state);
  return {.outcome = "done", .trust = described(*shipped)};
}

}  // namespace chancery::collector
