// The one way anything is changed (architecture.md, "One transaction").
//
//   Outcome outcome = Transaction(workplace).run(plan, cause);
//
// The caller holds STATE/lock. Stages (and keeps a pristine copy of what was staged), backs up, prepares every running
// program, writes the journal, renames, activates, reloads consumers, probes every endpoint of the changed identities
// (by a handshake; a stopped program is proven offline), and commits by removing the journal; or goes back by itself.
// `run` throws
//   - a Failure (exit 1) when the old state is in force, wholly, and everything that runs serves it;
//   - a Failure with needs_person (exit 3) when a reload or activation failed during the way back, and names what;
// and returns only after the commit. A plan whose report refuses is returned as such: nothing is staged.
// Not done here: preflight (the plan brings its report), the lock, retention (the manager, after commits).
#pragma once

#include <chrono>
#include <functional>

#include "appliance/change/os_refresh.h"
#include "appliance/change/plan.h"
#include "appliance/change/programs.h"
#include "appliance/change/step.h"
#include "backup/journal/journal.h"
#include "backup/sets/backup_sets.h"

namespace chancery::change {

// Everything a transaction works on; all borrowed.
struct Workplace {
  const Appliance& appliance;
  const Folder& state;
  backup::Generations& generations;
  backup::BackupSets& sets;
  Programs& programs;
  Consumers& consumers;
  // Told after each step; tests throw or kill here. May be empty. What it throws after `committed` or `rolled_back` is
  // ignored: there is nothing left to take back.
  std::function<void(Step)> on_step;
  // How long an endpoint may take to present the new chain: our own swap at once, outside services reload on their own
  // time (nginx keeps old workers for a moment).
  std::chrono::milliseconds own_patience{3'000};
  std::chrono::milliseconds consumer_patience{10'000};
  // Whether those who were connected to these identities' endpoints come back, asked after the proofs. Returns what it
  // saw, for people; "" where nobody was connected. What it throws takes the change back. May be empty.
  std::function<std::string(const std::vector<std::string>& identities)> watch = {};
  // Makes the operating system's trust follow its files (os_refresh.h); called where a change edits one of them.
  std::function<void()> refresh_os_trust = change::refresh_os_trust;
};

struct Outcome {
  Step step = Step::preflighted;            // committed, or preflighted when the report refused or nothing changes
  backup::GenerationNumber generation = 0;  // in force now
  std::string backup_set;
  struct Proof {
    std::string
        endpoint;  // "portal 127.0.0.1:443", "engine (stopped, proven offline)", "consumer nginx 127.0.0.1:8080"
    std::string identity;
    std::string sha256;
    bool ok = false;
  };
  std::vector<Proof> proofs;
  std::vector<std::pair<Step, double>> milliseconds;  // how long it took to reach each step from the one before
};

class Transaction {
 public:
  explicit Transaction(Workplace workplace) : workplace_(std::move(workplace)) {}
  Outcome run(Plan plan, const backup::Cause& cause);

 private:
  Workplace workplace_;
};

// Resolves a change that was left in doubt (kill, power loss): probes and commits it, or goes back to `from`. Called by
// whoever takes STATE/lock first, before anything else. Nothing to do is nullopt; what an interrupted stage left behind
// is swept in any case. A consumer that does not listen at all is taken as stopped (it reads `current` when it starts):
// after a power loss nothing runs yet. Failure with needs_person as in `run`.
struct Resolution {
  bool committed = false;  // else: went back
  backup::GenerationNumber generation = 0;
  std::string explanation;  // for doctor and the log
};
std::optional<Resolution> resolve_change_in_doubt(const Workplace& workplace);

}  // namespace chancery::change
