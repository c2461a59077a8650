#include "appliance/manager/bench.h"

#include <unistd.h>

#include <set>

#include "appliance/change/foreign.h"
#include "appliance/manager/federation_facts.h"
#include "appliance/manager/progress.h"
#include "appliance/manager/witness.h"
#include "appliance/settings/guarded.h"

namespace chancery::manager {
namespace {

constexpr std::chrono::seconds patience{30};
constexpr std::size_t kept_generations = 20;
constexpr std::size_t kept_sets = 100;
constexpr std::size_t key_limit = 4096;

std::string with_pid(const std::string& holder) { return holder + " (pid " + std::to_string(::getpid()) + ")"; }

}  // namespace

SecretBytes manifest_key(const Folder& state) { return state.read_secret("secrets/generation.key", key_limit); }

Bench::Bench(const std::string& state_path, Clock clock)
    : appliance(Appliance::load(state_path)),
      state(Folder::open(appliance.state)),
      generations(Folder::open(appliance.state), manifest_key(state)),
      sets(state, manifest_key(state)),
      programs(change::running_programs(appliance)),
      consumers(change::outside_consumers()),
      clock_(std::move(clock)) {
  generations.set_folder_attributes([this](const std::string& path) { return folder_attributes(appliance, path); });
  heal_federation(false);
}

change::Workplace Bench::workplace() {
  return {.appliance = appliance,
          .state = state,
          .generations = generations,
          .sets = sets,
          .programs = *programs,
          .consumers = *consumers,
          .on_step =
              [this](change::Step step) {
                if (deed && step == change::Step::staged) deed->was_staged = true;
                Progress::of_process().reached(step);
              },
          .watch =
              [this](const std::vector<std::string>& identities) {
                return watch_collectors(appliance, watch, identities);
              }};
}

const backup::Generation& Bench::current() {
  if (!current_) current_ = generations.current();
  return *current_;
}

audit::Trail& Bench::trail() {
  if (!trail_) trail_ = audit::Trail::open(state, appliance.name);
  return *trail_;
}

Bench::Writer Bench::begin_change(const std::string& holder) {
  expect_guarded(state);
  if (!lock_) lock_ = FileLock::take(appliance.state + "/lock", with_pid(holder), patience);
  return started();
}

std::optional<Bench::Writer> Bench::try_begin_change(const std::string& holder) {
  expect_guarded(state);
  if (!lock_) lock_ = FileLock::try_take(appliance.state + "/lock", with_pid(holder));
  if (!lock_) return std::nullopt;
  return started();
}

Bench::Writer Bench::started() {
  // What was read before the lock was held may be of a generation that is no longer in force.
  current_.reset();
  Writer writer{.resolved = change::resolve_change_in_doubt(workplace())};
  current_.reset();
  settle_deeds(*this, writer.resolved);
  if (writer.resolved) remember_resolution(state, {.resolution = *writer.resolved, .when = now()});
  appliance = Appliance::load(appliance.state);
  heal_federation(true);
  if (deed && deed->change.empty()) begin_deed(*this);
  return writer;
}

void Bench::heal_federation(bool may_write) {
  if (!appliance.federation.empty() || !generations.has_current()) return;
  std::optional<FederationFacts> facts;
  try {
    facts = FederationFacts::read(current());
  } catch (const Failure&) {
    return;  // doctor tells; nothing can be healed from a damaged file
  }
  if (!facts) return;
  appliance.federation = facts->federation;
  if (may_write) {
    state.write_atomically("settings/appliance.toml", view_of(appliance.to_toml()),
                           {.mode = 0644, .owner = {}, .group = {}});
  }
}

void Bench::retain() {
  std::set<backup::GenerationNumber> keep;
  for (const change::ProgramStatus& program : programs->status()) {
    // A program that runs and does not say what it serves may serve any of them.
    if (program.running && !program.answering) return;
    if (program.running) keep.insert(program.generation);
  }
  keep.insert(generations.current_number());
  generations.sweep(keep);
  generations.retain(kept_generations, keep);
  sets.prune(kept_sets, {});
  change::retain_foreign(state, kept_generations);
}

}  // namespace chancery::manager
