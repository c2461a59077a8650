// chancery federation rotate …: the steps of a CA rotation on the primary, and how far it is.
//
// Each step is entered in the register first, in one transaction, and then followed on this appliance by the one
// transaction of every change (rotation_follow.h). Where the second is cut short, the same command again, or
// chancery-manager within a minute, ends it; the other members follow the bulletin (federation/bulletin.h).
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "appliance/manager/authority_desk.h"
#include "appliance/manager/authority_news.h"
#include "appliance/manager/rehearsal.h"
#include "appliance/manager/root_access.h"
#include "appliance/manager/rotation_blockers.h"
#include "appliance/manager/rotation_follow.h"
#include "appliance/manager/rotation_proof.h"
#include "appliance/manager/verbs.h"

namespace chancery::manager {
namespace {

using authority::Anchors;
using authority::Phase;
using nlohmann::json;

json certificate_or_null(const std::optional<Certificate>& certificate) {
  return certificate ? preflight::to_json(*certificate) : json(nullptr);
}

json anchors_json(const Anchors& anchors) {
  return {{"phase", authority::to_text(anchors.phase)},
          {"number", anchors.number},
          {"since", anchors.number == 0 ? json(nullptr) : json(to_rfc3339(anchors.since))},
          {"root", preflight::to_json(anchors.root)},
          {"coming_root", certificate_or_null(anchors.coming_root())},
          {"going_root", certificate_or_null(anchors.going_root())},
          {"cross", certificate_or_null(anchors.cross)}};
}

json files_of(const Bench& bench, const std::string& step) {
  json files = json::array({register_change(bench)});
  const auto add = [&](const char* path, const char* change) { files.push_back({{"path", path}, {"change", change}}); };
  if (step == "prepare") {
    add("authority/next-root.key", "add");
    add("authority/next-issuing.key", "add");
    add("trust/federation/cross.pem", "add");
    add("trust/federation/roots.pem", "change");
  } else if (step == "activate") {
    add("authority/root.pem", "change");
    add("authority/issuing.pem", "change");
  } else {
    add("trust/federation/roots.pem", "change");
    add("trust/federation/retired.pem", "change");
    add("trust/federation/cross.pem", "remove");
  }
  return files;
}

// What the register says now, on this appliance. What is there already changes nothing, and says so.
json followed(Bench& bench, AuthorityDesk& desk, const Call& call, bool has_stepped) {
  // Key files of a step that was cut short right after the register.
  if (!call.flag("dry_run")) authority::Rotation(desk.authority).tidy();
  const federation::Bulletin bulletin = federation::bulletin_of(desk.authority);
  json reply{{"outcome", "unchanged"}, {"generation", bench.current().number()}};
  try {
    if (needs_following(bench.current(), bench.appliance, bulletin)) {
      reply = follow_rotation(bench, &desk, bulletin, call);
      reply.erase("backup_set");  // there is one, but no way back leads through it: a rotation only goes on
    }
  } catch (const Failure& failure) {
    if (!has_stepped) throw;
    throw Failure({.code = failure.code(),
                   .subject = failure.subject(),
                   .cause = failure.cause() + " (the step is entered in the register, and this appliance has not "
                                              "followed it yet)",
                   .hint = failure.hint() + "; then run the same command again, or wait for chancery-manager to do it",
                   .needs_person = failure.needs_person()});
  }
  if (has_stepped) reply["outcome"] = "done";
  reply["rotation"] = anchors_json(authority::anchors_of(desk.authority.store()));
  return reply;
}

json planned(const Bench& bench, const Anchors& anchors, const std::string& step, const char* next_phase, json more) {
  json plan{{"step", step},
            {"phase", authority::to_text(anchors.phase)},
            {"next_phase", next_phase},
            {"files", files_of(bench, step)}};
  plan.update(more);
  return {{"outcome", "planned"}, {"plan", std::move(plan)}, {"rotation", anchors_json(anchors)}};
}

json unchanged(Bench& bench, AuthorityDesk& desk, const Call& call, const std::string& message) {
  json reply = followed(bench, desk, call, false);
  if (reply["outcome"] == "unchanged") reply["message"] = message;
  return reply;
}

// Those of `found` that `ids` name. A name that is none of them is a mistake, not a wish.
std::vector<Blocker> taken(std::vector<Blocker>& found, const std::vector<std::string>& ids) {
  std::vector<Blocker> named;
  for (const std::string& id : ids) {
    const auto is_named = [&](const Blocker& each) { return each.who == id; };
    if (std::ranges::none_of(found, is_named) && std::ranges::none_of(named, is_named)) {
      throw Failure({.code = "unknown-blocker",
                     .subject = id.substr(0, 300),
                     .cause = "nobody of this name keeps the former root from being retired",
                     .hint = "see chancery federation rotate status --show-blockers"});
    }
    std::ranges::copy_if(found, std::back_inserter(named), is_named);
    std::erase_if(found, is_named);
  }
  return named;
}

preflight::Report report_of(const std::vector<Blocker>& found) {
  constexpr std::size_t most = 100;
  preflight::Report report;
  for (std::size_t at = 0; at < found.size() && at < most; ++at) {
    report.add("rotation-blocked", found[at].kind + " " + found[at].who, found[at].why, found[at].hint);
  }
  return report;
}

json refused(const Anchors& anchors, Bench& bench, const std::vector<Blocker>& found) {
  return {{"outcome", "refused"},
          {"generation", bench.current().number()},
          {"report", preflight::to_json(report_of(found))},
          {"blockers", to_json(found)},
          {"rotation", anchors_json(anchors)}};
}

// Everybody has proven the coming root; whether they can do without the going one, and with chains without the cross
// certificate, they are asked once more. Who is left behind by name is not asked.
struct Retirement {
  preflight::Report report;
  std::optional<Rehearsed> rehearsed;
};

Retirement rehearsed_retirement(Bench& bench, const Anchors& anchors, const std::vector<Blocker>& lost,
                                const RehearsalOptions& options) {
  const std::optional<Certificate> going = anchors.going_root();
  if (options.skip || !going) return {};
  Rehearsed rehearsed = rehearse_retirement(bench, {going->fingerprint()}, options.deadline);
  const auto is_lost = [&](const rehearsal::Entry& entry) {
    return std::ranges::any_of(lost, [&](const Blocker& each) { return each.who == entry.who; });
  };
  std::erase_if(rehearsed.report.would_break, is_lost);
  std::erase_if(rehearsed.report.silent, [&](const rehearsal::Silent& each) { return is_lost(each.entry); });
  Retirement retirement;
  weigh(retirement.report, rehearsed, options.accepted);
  retirement.rehearsed = std::move(rehearsed);
  return retirement;
}

// This appliance is one of those that have to. What it meets stands among the blockers.
void prove_own(const Bench& bench, AuthorityDesk& desk) {
  try {
    Bench present(bench.appliance.state, bench.clock());  // what is in force by now
    prove_anchor(present, federation::bulletin_of(desk.authority));
  } catch (const Failure&) {
    return;
  }
}

// Taking the lock has just ended the change by which this appliance follows the emergency: whoever asked for that one
// asks again, and not for another.
bool has_just_ended(const Bench::Writer& writer, const backup::Generation& current, const Anchors& anchors) {
  return anchors.is_emergency && writer.resolved && writer.resolved->committed &&
         writer.resolved->generation == current.number() && current.manifest().cause.reason == "rotation retire" &&
         followed_number(current) == anchors.number;
}

json emergency(Bench& bench, AuthorityDesk& desk, const Call& call, const authority::RootAccess& access,
               const Bench::Writer& writer) {
  const Anchors before = authority::anchors_of(desk.authority.store());
  // One that was cut short is ended; another root would help nobody.
  const bool is_begun = (before.is_emergency && before.number > followed_number(bench.current())) ||
                        has_just_ended(writer, bench.current(), before);
  if (is_begun && !call.flag("dry_run")) return followed(bench, desk, call, true);
  const std::vector<Blocker> lost = lost_at_once(bench, desk, before);
  if (call.flag("dry_run")) {
    return planned(bench, before, "retire", "steady", {{"emergency", true}, {"lost", to_json(lost)}});
  }
  authority::Rotation(desk.authority).replace_at_once({.access = access, .keeping = {}}, [&](std::uint64_t number) {
    enter_lost(desk.authority.store(), number, lost, bench.now());
  });
  json reply = followed(bench, desk, call, true);
  reply["lost"] = to_json(lost);
  return reply;
}

}  // namespace

json federation_rotate_prepare(Bench& bench, Call& call) {
  const authority::RootAccess access = root_access(call);
  const Bench::Writer writer = bench.begin_change(call.who() + ", federation rotate prepare");
  AuthorityDesk desk(bench);
  const Anchors before = authority::anchors_of(desk.authority.store());
  if (before.phase == Phase::prepared) return unchanged(bench, desk, call, "the next root is prepared already");
  authority::Rotation rotation(desk.authority);
  if (call.flag("dry_run")) {
    rotation.expect_preparable({.access = access, .keeping = {}});
    return planned(bench, before, "prepare", "prepared", json::object());
  }
  rotation.prepare({.access = access, .keeping = {}});
  return followed(bench, desk, call, true);
}

json federation_rotate_activate(Bench& bench, Call& call) {
  const authority::RootAccess access = root_access(call);
  const Bench::Writer writer = bench.begin_change(call.who() + ", federation rotate activate");
  AuthorityDesk desk(bench);
  const Anchors before = authority::anchors_of(desk.authority.store());
  if (before.phase == Phase::activated) {
    json reply = unchanged(bench, desk, call, "leaves are issued under the next root already");
    prove_own(bench, desk);
    return reply;
  }
  authority::Rotation rotation(desk.authority);
  if (call.flag("dry_run")) {
    rotation.expect_activatable(access);
    return planned(bench, before, "activate", "activated",
                   {{"renews", outdated_identities(bench.current(), bench.appliance, [&] {
                       federation::Bulletin next = federation::bulletin_of(desk.authority);
                       if (before.next_issuing) next.issuing = *before.next_issuing;
                       return next;
                     }())}});
  }
  rotation.activate(access);
  json reply = followed(bench, desk, call, true);
  prove_own(bench, desk);
  return reply;
}

json federation_rotate_retire(Bench& bench, Call& call) {
  const authority::RootAccess access = root_access(call);
  const std::vector<std::string> forgotten = call.list("forget");
  const bool is_emergency = call.flag("emergency");
  if (is_emergency && !forgotten.empty()) {
    throw bad_argument("forget", "is of no use in an emergency, which waits for nobody", "leave one of the two out");
  }
  const Bench::Writer writer = bench.begin_change(call.who() + ", federation rotate retire");
  AuthorityDesk desk(bench);
  if (is_emergency) return emergency(bench, desk, call, access, writer);
  const Anchors before = authority::anchors_of(desk.authority.store());
  if (before.phase == Phase::steady) return unchanged(bench, desk, call, "there is no former root to retire");
  authority::Rotation rotation(desk.authority);
  rotation.expect_retirable();
  if (!call.flag("dry_run")) prove_own(bench, desk);
  std::vector<Blocker> found = blockers(bench, desk, before);
  const std::vector<Blocker> lost = taken(found, forgotten);
  if (!found.empty()) return refused(before, bench, found);
  const Retirement retirement = rehearsed_retirement(bench, before, lost, rehearsal_options(call));
  if (retirement.report.verdict() == preflight::Verdict::refuse) {
    json reply{{"outcome", "refused"},
               {"generation", bench.current().number()},
               {"report", preflight::to_json(retirement.report)},
               {"rotation", anchors_json(before)}};
    put_rehearsal(reply, retirement.rehearsed);
    return reply;
  }
  if (call.flag("dry_run")) return planned(bench, before, "retire", "steady", {{"lost", to_json(lost)}});
  rotation.retire([&](std::uint64_t number) { enter_lost(desk.authority.store(), number, lost, bench.now()); });
  json reply = followed(bench, desk, call, true);
  reply["lost"] = to_json(lost);
  return reply;
}

json federation_rotate_status(Bench& bench, Call& call) {
  if (bench.appliance.role == Role::secondary) {
    const auto bulletin = followed_bulletin(bench.current());
    json reply{{"phase", bulletin ? authority::to_text(bulletin->phase) : "steady"},
               {"number", bulletin ? json(bulletin->number) : json(0)},
               {"since", bulletin ? json(to_rfc3339(bulletin->since)) : json(nullptr)}};
    if (bulletin) {
      reply["root"] = preflight::to_json(bulletin->root);
      reply["renewed"] = outdated_identities(bench.current(), bench.appliance, *bulletin).empty();
    }
    return reply;
  }
  AuthorityDesk desk(bench);
  const Anchors anchors = authority::anchors_of(desk.authority.store());
  json reply = anchors_json(anchors);
  const std::vector<Blocker> found = blockers(bench, desk, anchors);
  reply["blocked_by"] = found.size();
  if (call.flag("show_blockers")) reply["blockers"] = to_json(found);
  reply["lost"] = lost_json(desk.authority.store());
  json retired = json::array();
  for (const Certificate& each : authority::retired_anchors(desk.authority.store())) {
    retired.push_back(preflight::to_json(each));
  }
  reply["retired"] = std::move(retired);
  return reply;
}

}  // namespace chancery::manager
