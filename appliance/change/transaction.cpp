#include "appliance/change/transaction.h"

#include <algorithm>

#include "appliance/change/foreign.h"
#include "appliance/change/generation_policy.h"
#include "appliance/change/way_back.h"

namespace chancery::change {
namespace {

using std::chrono::steady_clock;

// One run: where it stands, and what has to be taken back from there.
class Run {
 public:
  Run(const Workplace& workplace, Plan plan, const backup::Cause& cause)
      : workplace_(workplace), plan_(std::move(plan)), journal_(workplace.state) {
    change_.from = plan_.base;
    change_.cause = cause;
    change_.identities = plan_.identities;
  }

  Outcome go() {
    const bool changes_nothing = plan_.is_empty() && plan_.adopt == backup::Adopt::no;
    outcome_.generation = workplace_.generations.current_number();
    if (changes_nothing || plan_.report.verdict() == preflight::Verdict::refuse) return std::move(outcome_);
    expect_present_state();
    try {
      tell(Step::preflighted);
      stage();
      back_up();
      prepare();
      switch_over();
      activate();
      probe();
      commit();
    } catch (const Failure& failure) {
      give_up(failure);
      throw told(failure);
    } catch (const std::exception& error) {
      give_up(error);
      throw;
    }
    outcome_.generation = change_.to;
    return std::move(outcome_);
  }

 private:
  void expect_present_state() const {
    if (workplace_.state.status("change.json")) {
      throw Failure({.code = "in-doubt",
                     .subject = workplace_.appliance.state,
                     .cause = "an earlier change is still in doubt",
                     .hint = "chancery status resolves it and says how it ended; then repeat"});
    }
    if (outcome_.generation != plan_.base) {
      throw Failure({.code = "state-changed",
                     .subject = "generation " + std::to_string(plan_.base),
                     .cause = "the plan was made from it, but generation " + std::to_string(outcome_.generation) +
                              " is in force now",
                     .hint = "repeat the command: it starts from what is in force"});
    }
    expect_unchanged(plan_.foreign);
  }

  void stage() {
    change_.to = workplace_.generations.stage(plan_.base, plan_.edits, change_.cause, plan_.adopt);
    const backup::Generation next = workplace_.generations.open(change_.to);
    workplace_.sets.keep_pristine(next);  // before anybody else knows of it: edits by hand can be undone by it
    for (const Consumer& consumer : consumers_of(next, plan_.identities)) {
      change_.consumers.push_back(consumer.name);
      const std::vector<std::string> missing = missing_lines(consumer);
      if (missing.empty()) continue;
      throw Failure({.code = "consumer-config",
                     .subject = "consumer " + consumer.name,
                     .cause = "its configuration does not hold the line it needs: " + missing.front(),
                     .hint = "put that line into the file, then repeat the command"});
    }
    reach(Step::staged);
  }

  void back_up() {
    const backup::Generation present = workplace_.generations.open(plan_.base);
    std::vector<std::string> components = plan_.components;
    for (const ForeignEdit& edit : plan_.foreign) {
      if (const auto name = name_in_set(edit.path)) components.push_back(*name);
    }
    change_.backup_set = workplace_.sets.create(present, components, change_.cause, foreign_as_it_is(plan_.foreign));
    reach(Step::backed_up);
  }

  void prepare() {
    const std::vector<ProgramStatus> status = workplace_.programs.status();
    expect_answering(status);
    for (const ProgramStatus& program : status) {
      if (!program.running) continue;
      change_.programs.push_back(program.program);  // first: one that refuses may hold something aside as well
      workplace_.programs.prepare(program.program, change_.to);
    }
    reach(Step::prepared);
  }

  void switch_over() {
    change_.foreign = save_foreign(workplace_.state, plan_.foreign, backup::folder_name(change_.to));
    change_.step = to_text(Step::prepared);
    is_journalled_ = true;
    journal_.write(change_);
    write_foreign(plan_.foreign);
    try {
      workplace_.generations.switch_to(change_.to);
    } catch (...) {
      // The rename may have happened and only its sync failed.
      was_switched_ = workplace_.generations.current_number() == change_.to;
      throw;
    }
    was_switched_ = true;
    reach(Step::switched);
  }

  void activate() {
    // First: an outside service that is reloaded below may trust by it.
    if (concerns_os_trust(change_.foreign)) workplace_.refresh_os_trust();
    workplace_.programs.activate_all(change_.programs, change_.to);
    // Whoever was started meanwhile has loaded what was in force at that moment.
    status_ = workplace_.programs.status();
    expect_answering(status_);
    bool asked_again = false;
    for (const ProgramStatus& program : status_) {
      if (!program.running || program.generation == change_.to) continue;
      workplace_.programs.activate(program.program, change_.to);
      asked_again = true;
    }
    if (asked_again) status_ = workplace_.programs.status();
    const backup::Generation next = workplace_.generations.open(change_.to);
    for (const Consumer& consumer : consumers_of(next, plan_.identities)) {
      were_consumers_told_ = true;
      workplace_.consumers.reload(consumer);
    }
    // The one update after the rename: whoever finds the journal later sees that everything has been told.
    change_.step = to_text(Step::activated);
    journal_.write(change_);
    reach(Step::activated);
  }

  void probe() {
    const backup::Generation next = workplace_.generations.open(change_.to);
    const std::vector<SeenProof> proofs = prove(workplace_, next, plan_.identities, status_, StoppedConsumers::fail);
    expect_proven(proofs);
    for (const SeenProof& seen : proofs) outcome_.proofs.push_back(seen.proof);
    if (const std::string seen = watched(); !seen.empty()) {
      outcome_.proofs.push_back({.endpoint = seen, .identity = plan_.identities.front(), .sha256 = "", .ok = true});
    }
    reach(Step::probed);
  }

  std::string watched() const {
    return workplace_.watch && !plan_.identities.empty() ? workplace_.watch(plan_.identities) : "";
  }

  void commit() {
    try {
      journal_.commit();
    } catch (const Failure&) {
      // Removed and only not synced is committed: found again after a power loss, it would be probed and committed.
      if (workplace_.state.status("change.json")) throw;
    }
    outcome_.step = step_ = advance(step_, Step::committed);
    outcome_.backup_set = change_.backup_set;
    note_time();
    tell_whatever_happens(Step::committed);
  }

  // The way back. Returns when the old state is in force and everything that runs serves it; else throws
  // (needs_person).
  void give_up(const std::exception& error) {
    step_ = advance(step_, Step::rolled_back);
    if (!is_journalled_) {
      for (const std::string& program : change_.programs) workplace_.programs.abandon(program, change_.to);
      if (change_.to != 0) remove_stage();
      remove_set();
      tell_whatever_happens(Step::rolled_back);
      return;
    }
    const std::vector<std::string> problems =
        go_back(workplace_, change_,
                {.was_switched = was_switched_,
                 .reload = were_consumers_told_ ? Extent::Reload::all : Extent::Reload::none,
                 .stopped = StoppedConsumers::fail});
    close_the_way_back(workplace_, change_, problems.empty());
    if (!was_switched_) remove_set();
    tell_whatever_happens(Step::rolled_back);
    if (!problems.empty()) throw incomplete(change_, error.what(), problems);
  }

  // The old state is in force, wholly; where it was left for a moment, the message says so.
  Failure told(const Failure& failure) const {
    if (!was_switched_) return failure;
    Fault fault = failure.fault();
    fault.cause += "; generation " + std::to_string(change_.from) + " is in force again";
    return Failure(std::move(fault));
  }

  void remove_stage() noexcept {
    try {
      workplace_.sets.remove_pristine(change_.to);
      workplace_.generations.remove(change_.to);
    } catch (const std::exception&) {
      // Swept by the next one who takes the lock: its number is above the one in force and no journal names it.
    }
  }

  // A set is kept for what was in force; a change that never got that far leaves none.
  void remove_set() noexcept {
    if (change_.backup_set.empty()) return;
    try {
      workplace_.state.remove("backups/" + change_.backup_set + ".zip");
    } catch (const std::exception&) {
      // One set more than needed: pruned in its time.
    }
  }

  void reach(Step step) {
    step_ = advance(step_, step);
    note_time();
    tell(step);
  }
  void note_time() {
    const auto now = steady_clock::now();
    outcome_.milliseconds.emplace_back(step_, std::chrono::duration<double, std::milli>(now - last_).count());
    last_ = now;
  }
  void tell(Step step) const {
    if (workplace_.on_step) workplace_.on_step(step);
  }
  void tell_whatever_happens(Step step) const noexcept {
    try {
      tell(step);
    } catch (...) {
      // What was done stays done.
    }
  }

  const Workplace& workplace_;
  Plan plan_;
  backup::Journal journal_;
  backup::ChangeInDoubt change_;
  Outcome outcome_;
  std::vector<ProgramStatus> status_;
  Step step_ = Step::preflighted;
  steady_clock::time_point last_ = steady_clock::now();
  bool is_journalled_ = false;
  bool was_switched_ = false;
  bool were_consumers_told_ = false;
};

}  // namespace

Outcome Transaction::run(Plan plan, const backup::Cause& cause) { return Run(workplace_, std::move(plan), cause).go(); }

}  // namespace chancery::change
