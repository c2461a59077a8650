// The doctor on STATE itself: manager, change in doubt, generation in force, edits by hand, space, clock.
#include <sys/statvfs.h>

#include "appliance/manager/doctor.h"

namespace chancery::manager {
namespace {

constexpr std::uint64_t mebibyte = 1024 * 1024;
constexpr std::uint64_t little_space = 64 * mebibyte;
constexpr std::uint64_t hardly_any_space = 8 * mebibyte;
constexpr std::chrono::minutes clock_tolerance{5};
constexpr std::size_t names_shown = 5;

void examine_manager(Examination& examination, Bench& bench) {
  if (FileLock::is_held(bench.appliance.state + "/run/manager/lock")) {
    examination.ok("manager", "chancery-manager runs");
    return;
  }
  examination.warning("manager", "chancery-manager does not run: commands do its work, and nothing watches the state",
                      "start it: systemctl start chancery-manager");
}

std::string side_of(const backup::ChangeInDoubt& change, backup::GenerationNumber in_force) {
  if (in_force == change.to) return "the new one";
  return in_force == change.from ? "the old one" : "neither the old nor the new one";
}

void examine_change(Examination& examination, Bench& bench) {
  const auto change = backup::Journal(bench.state).read();
  if (change) {
    const backup::GenerationNumber in_force = bench.generations.current_number();
    const std::string what = "\"" + change->cause.reason + "\" by " + change->cause.who + " of " +
                             to_rfc3339(change->cause.when) + ", after step " + change->step + ": generation " +
                             std::to_string(in_force) + " (" + side_of(*change, in_force) + ") is in force";
    if (FileLock::is_held(bench.appliance.state + "/lock")) {
      examination.ok("change", "a change is going on: " + what);
      return;
    }
    examination.critical("change", "a change was interrupted: " + what,
                         "the next change, or the manager at its start, proves it and commits, or goes back; now: "
                         "chancery-manager --resolve");
    return;
  }
  const auto last = last_resolution(bench.state);
  examination.ok("change", last ? "nothing is in doubt; the last interrupted change (" + to_rfc3339(last->when) +
                                      "): " + last->resolution.explanation
                                : "nothing is in doubt");
}

void examine_generation(Examination& examination, Bench& bench) {
  const backup::Generation& generation = bench.current();
  const backup::Manifest& manifest = generation.manifest();
  examination.ok("generation", "generation " + std::to_string(generation.number()) +
                                   " is in force: " + manifest.cause.reason + " by " + manifest.cause.who + ", " +
                                   to_rfc3339(manifest.cause.when));
}

void examine_drift(Examination& examination, Bench& bench) {
  const std::vector<backup::Drift> drift = bench.current().drift();
  if (drift.empty()) {
    examination.ok("drift", "every file in force is as it was made");
    return;
  }
  std::string names;
  for (std::size_t at = 0; at < drift.size() && at < names_shown; ++at) {
    names += (at == 0 ? "" : "; ") + drift[at].path + " " + drift[at].message;
  }
  if (drift.size() > names_shown) names += "; and " + std::to_string(drift.size() - names_shown) + " more";
  examination.warning("drift", "edited by hand: " + names,
                      "keep the edits with chancery generation adopt, or undo them with chancery generation undo");
}

void examine_space(Examination& examination, Bench& bench) {
  struct statvfs space {};
  if (::statvfs(bench.appliance.state.c_str(), &space) != 0) {
    throw system_failure(errno, "measure the space of", bench.appliance.state);
  }
  const std::uint64_t free = std::uint64_t{space.f_bavail} * space.f_frsize;
  const std::string left = std::to_string(free / mebibyte) + " MiB are free; " +
                           std::to_string(bench.generations.list().size()) + " generations and " +
                           std::to_string(bench.sets.ids().size()) + " backup sets are kept";
  const std::string hint =
      "free space on the file system of " + bench.appliance.state + "; chancery backup prune --keep N removes old sets";
  if (free < hardly_any_space) return examination.critical("space", left, hint);
  if (free < little_space) return examination.warning("space", left, hint);
  examination.ok("space", left);
}

void examine_clock(Examination& examination, Bench& bench) {
  const Instant made = bench.current().manifest().cause.when;
  if (bench.now() + clock_tolerance < made) {
    examination.critical("clock",
                         "it is " + to_rfc3339(bench.now()) + " here, before the generation in force was made (" +
                             to_rfc3339(made) + ")",
                         "set the clock (timedatectl set-ntp true): certificates are judged by it");
    return;
  }
  examination.ok("clock", "it is " + to_rfc3339(bench.now()));
}

}  // namespace

void examine_state(Examination& examination, Bench& bench) {
  examination.attempt("manager", [&] { examine_manager(examination, bench); });
  examination.attempt("change", [&] { examine_change(examination, bench); });
  examination.attempt("generation", [&] { examine_generation(examination, bench); });
  examination.attempt("drift", [&] { examine_drift(examination, bench); });
  examination.attempt("space", [&] { examine_space(examination, bench); });
  if (!examination.has_problem("generation")) {
    examination.attempt("clock", [&] { examine_clock(examination, bench); });
  }
}

}  // namespace chancery::manager
