// What one request works with: the appliance, its generations and backup sets, its programs; and for a change the
// writer's lock, taken once, with any change in doubt resolved before anything else is read.
//
//   Bench bench(state_path, clock);
//   Bench::Writer writer = bench.begin_change("chancery cert replace, root (uid 0)");   // STATE/lock, in doubt
//   resolved change::Plan plan = …(bench.current()) … return finish(bench, std::move(plan), call);
//
// Made anew for every request: nothing is remembered between requests but what is on disk. Thread safety: one thread.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "appliance/audit/trail.h"
#include "appliance/change/transaction.h"
#include "appliance/manager/call.h"
#include "appliance/manager/collector_watch.h"
#include "keystore/files/lock.h"

namespace chancery::manager {

// What the audit is told of the change that a request makes (witness.h).
struct Deed {
  std::string who;
  std::string verb;
  std::string arguments;              // audit::redacted_arguments
  std::string change = {};            // its id, once the intent is written
  backup::GenerationNumber from = 0;  // in force then
  bool was_staged = false;
};

class Bench {
 public:
  // Failure("not-initialised"), Failure("permission-denied") where the key of the manifests cannot be read.
  Bench(const std::string& state_path, Clock clock);

  // Who has one is the one writer; the lock itself stays with the bench until that goes, so that the audit's record is
  // written under it.
  struct Writer {
    std::optional<change::Resolution> resolved;  // what was in doubt before
  };
  // Waits up to 30 s: Failure("busy") names the holder.
  [[nodiscard]] Writer begin_change(const std::string& holder);
  [[nodiscard]] std::optional<Writer> try_begin_change(const std::string& holder);

  Instant now() const { return clock_(); }
  const Clock& clock() const noexcept { return clock_; }
  change::Workplace workplace();
  // The generation in force, opened once per request, after begin_change for a change.
  const backup::Generation& current();
  // Opened when first asked for, under the appliance's name.
  audit::Trail& trail();
  // Generations, sets and programs: what must stay is kept (retention rules of architecture.md), the rest removed.
  void retain();

  Appliance appliance;
  Folder state;
  backup::Generations generations;
  backup::BackupSets sets;
  std::unique_ptr<change::Programs> programs;
  std::unique_ptr<change::Consumers> consumers;
  CollectorWatch watch;      // after a swap; nobody is watched unless the verb says so
  std::optional<Deed> deed;  // none: nothing is changed by this request, or finish() sees to it

 private:
  Writer started();
  // A join whose commit was followed by a crash left the setting behind the generation; the generation is the truth.
  void heal_federation(bool may_write);

  Clock clock_;
  std::optional<FileLock> lock_;
  std::optional<backup::Generation> current_;
  std::optional<audit::Trail> trail_;
};

// STATE/resolved.json: how the last change in doubt ended, for status and doctor. nullopt: there never was one.
struct LastResolution {
  change::Resolution resolution;
  Instant when{};
};
[[nodiscard]] std::optional<LastResolution> last_resolution(const Folder& state);
void remember_resolution(const Folder& state, const LastResolution& last);

[[nodiscard]] SecretBytes manifest_key(const Folder& state);

// Everything after the plan: a dry run describes it, a refusal or an empty plan is returned as such, anything else goes
// through the transaction and, once committed, through retention. The reply is the one of certificate_manager.h.
[[nodiscard]] nlohmann::json finish(Bench& bench, change::Plan plan, const Call& call);

}  // namespace chancery::manager
