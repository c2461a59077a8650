#include "appliance/change/way_back.h"

#include <algorithm>

#include "appliance/change/foreign.h"
#include "appliance/change/generation_policy.h"

namespace chancery::change {
namespace {

using Problems = std::vector<std::string>;

void put_in_force(const Workplace& workplace, const backup::ChangeInDoubt& change) {
  try {
    workplace.generations.switch_to(change.from);
  } catch (const Failure& failure) {
    throw Failure(
        {.code = "rollback-failed",
         .subject = "generation " + std::to_string(change.from),
         .cause = std::string("cannot be put in force again: ") + failure.what(),
         .hint = failure.hint() + "; any chancery command then resolves the change in doubt before anything else",
         .needs_person = true});
  }
}

void reload_programs(const Workplace& workplace, const backup::ChangeInDoubt& change, bool was_switched,
                     Problems& problems) {
  for (const ProgramStatus& program : workplace.programs.status()) {
    if (!program.running) continue;
    if (!program.answering) {
      problems.push_back(program.program + ": runs but does not answer");
      continue;
    }
    workplace.programs.abandon(program.program, change.to);
    if (!was_switched && program.generation == change.from) continue;
    try {
      workplace.programs.activate(program.program, change.from);
    } catch (const Failure& failure) {
      problems.push_back(program.program + ": " + failure.cause());
    }
  }
}

void reload_consumers(const Workplace& workplace, const backup::Generation& from,
                      const std::vector<std::string>& identities, const Extent& extent, Problems& problems) {
  if (extent.reload == Extent::Reload::none) return;
  for (const Consumer& consumer : consumers_of(from, identities)) {
    if (extent.stopped == StoppedConsumers::pass && is_stopped(consumer)) continue;
    if (extent.reload == Extent::Reload::who_differs && presents_now(from, consumer)) continue;
    try {
      workplace.consumers.reload(consumer);
    } catch (const Failure& failure) {
      problems.push_back("consumer " + consumer.name + ": " + failure.cause());
    }
  }
}

void look_at_all(const Workplace& workplace, const backup::Generation& from, const std::vector<std::string>& identities,
                 const Extent& extent, Problems& problems) {
  for (const SeenProof& seen : prove(workplace, from, identities, workplace.programs.status(), extent.stopped)) {
    const bool is_consumer = seen.program.starts_with("consumer ");
    if (seen.proof.ok || (is_consumer && extent.reload == Extent::Reload::none)) continue;
    const bool is_told = std::any_of(problems.begin(), problems.end(),
                                     [&](const std::string& told) { return told.starts_with(seen.program + ":"); });
    if (!is_told) problems.push_back(seen.program + ": " + seen.proof.endpoint + ": " + seen.problem);
  }
}

std::string joined(const Problems& problems) {
  std::string text;
  for (const std::string& problem : problems) text += (text.empty() ? "" : "; ") + problem;
  return text;
}

}  // namespace

std::vector<std::string> go_back(const Workplace& workplace, const backup::ChangeInDoubt& change,
                                 const Extent& extent) {
  bool was_switched = extent.was_switched;
  if (workplace.generations.current_number() == change.to) {
    put_in_force(workplace, change);
    was_switched = true;
  }
  Problems problems;
  for (const std::string& left : restore_foreign(workplace.state, change.foreign)) problems.push_back("file: " + left);
  if (concerns_os_trust(change.foreign)) {
    try {
      workplace.refresh_os_trust();
    } catch (const Failure& failure) {
      problems.push_back("the operating system's trust: " + failure.cause());
    }
  }
  // From here on nothing stops the way back: each thing that fails is told, and the next is tried.
  try {
    const backup::Generation from = workplace.generations.open(change.from);
    const std::vector<std::string> identities = existing(from, change.identities);
    reload_programs(workplace, change, was_switched, problems);
    reload_consumers(workplace, from, identities, extent, problems);
    if (was_switched || extent.reload != Extent::Reload::none) {
      look_at_all(workplace, from, identities, extent, problems);
    }
  } catch (const std::exception& error) {
    problems.push_back(error.what());
  }
  return problems;
}

void close_the_way_back(const Workplace& workplace, const backup::ChangeInDoubt& change, bool nothing_left) noexcept {
  try {
    if (nothing_left) {
      workplace.sets.remove_pristine(change.to);
      workplace.generations.remove(change.to);
    }
  } catch (const std::exception&) {
    // Swept later: its number is above the one in force and no journal names it.
  }
  try {
    backup::Journal(workplace.state).commit();
    if (nothing_left) forget_foreign(workplace.state, change.foreign);
  } catch (const std::exception&) {
    // The journal stays: the next one who takes the lock finds `from` in force and has nothing to do but remove it.
  }
}

Failure incomplete(const backup::ChangeInDoubt& change, const std::string& reason, const Problems& problems) {
  const bool only_files = std::all_of(problems.begin(), problems.end(),
                                      [](const std::string& problem) { return problem.starts_with("file: "); });
  const std::string names = problems.front().substr(0, problems.front().find(':'));
  return Failure({.code = only_files ? "foreign-changed" : "rollback-incomplete",
                  .subject = only_files ? problems.front().substr(6) : names,
                  .cause = reason + "; generation " + std::to_string(change.from) +
                           " is in force again, but not everything came along: " + joined(problems),
                  .hint = only_files ? "look at this file: it was left as it is; bring it to what you want by hand"
                                     : "restart what is named here, then see chancery status and chancery doctor",
                  .needs_person = true});
}

std::vector<std::string> existing(const backup::Generation& generation, const std::vector<std::string>& identities) {
  std::vector<std::string> there = identities;
  std::erase_if(there, [&](const std::string& identity) {
    return !generation.has("identities/" + identity + "/certificate.pem");
  });
  return there;
}

void expect_proven(const std::vector<SeenProof>& proofs) {
  for (const SeenProof& seen : proofs) {
    if (seen.proof.ok) continue;
    throw Failure({.code = "probe-failed",
                   .subject = seen.proof.endpoint,
                   .cause = "does not present the new certificate of " + seen.proof.identity + ": " + seen.problem,
                   .hint = "see the log of " + seen.program + "; chancery probe shows step by step what it presents"});
  }
}

void expect_answering(const std::vector<ProgramStatus>& status) {
  for (const ProgramStatus& program : status) {
    if (!program.running || program.answering) continue;
    throw Failure(
        {.code = "program-silent",
         .subject = program.program,
         .cause = "runs but does not answer on its control socket",
         .hint = "see its log (journalctl -u chancery-" + program.program + "), restart or stop it, then repeat"});
  }
}

}  // namespace chancery::change
