// Resolving a change that was left in doubt. Each branch can itself be interrupted at any point and started again: the
// journal goes last.

#include <set>

#include "appliance/change/generation_policy.h"
#include "appliance/change/transaction.h"
#include "appliance/change/way_back.h"

namespace chancery::change {
namespace {

std::string story(const backup::ChangeInDoubt& change) {
  return "the change \"" + change.cause.reason + "\" by " + change.cause.who + " (" + to_rfc3339(change.cause.when) +
         ") was interrupted after the step " + change.step;
}

// Generations above the one in force that no journal names: stages of changes that died before they were journalled.
void sweep_leftovers(const Workplace& workplace) {
  if (!workplace.generations.has_current()) return;
  workplace.generations.sweep({});
  const backup::GenerationNumber present = workplace.generations.current_number();
  std::set<backup::GenerationNumber> leftovers;
  for (const backup::GenerationNumber number : workplace.generations.list()) {
    if (number > present) leftovers.insert(number);
  }
  for (const backup::GenerationNumber number : workplace.sets.pristine_numbers()) {
    if (number > present) workplace.sets.remove_pristine(number);
  }
  if (leftovers.empty()) return;
  // A program that did not come along on a way back may serve one of them still.
  for (const ProgramStatus& program : workplace.programs.status()) {
    if (program.running && !program.answering) return;
    if (program.running) leftovers.erase(program.generation);
  }
  for (const backup::GenerationNumber number : leftovers) workplace.generations.remove(number);
}

Resolution way_back(const Workplace& workplace, const backup::ChangeInDoubt& change, bool was_switched,
                    const std::string& explanation) {
  const std::vector<std::string> problems =
      go_back(workplace, change,
              {.was_switched = was_switched, .reload = Extent::Reload::who_differs, .stopped = StoppedConsumers::pass});
  close_the_way_back(workplace, change, problems.empty());
  if (!problems.empty()) throw incomplete(change, explanation, problems);
  return {.committed = false,
          .generation = change.from,
          .explanation = explanation + "; generation " + std::to_string(change.from) + " is in force"};
}

void bring_forward(const Workplace& workplace, const backup::ChangeInDoubt& change) {
  const backup::Generation next = workplace.generations.open(change.to);
  static_cast<void>(next.manifest());  // damaged: back
  std::vector<ProgramStatus> status = workplace.programs.status();
  expect_answering(status);
  if (concerns_os_trust(change.foreign)) workplace.refresh_os_trust();
  for (const ProgramStatus& program : status) {
    if (program.running && program.generation != change.to) workplace.programs.activate(program.program, change.to);
  }
  for (const Consumer& consumer : consumers_of(next, change.identities)) {
    if (!is_stopped(consumer) && !presents_now(next, consumer)) workplace.consumers.reload(consumer);
  }
  status = workplace.programs.status();
  expect_proven(prove(workplace, next, change.identities, status, StoppedConsumers::pass));
}

}  // namespace

std::optional<Resolution> resolve_change_in_doubt(const Workplace& workplace) {
  const backup::Journal journal(workplace.state);
  const std::optional<backup::ChangeInDoubt> change = journal.read();
  if (!change) {
    sweep_leftovers(workplace);
    return std::nullopt;
  }
  static_cast<void>(step_from_text(change->step));
  const backup::GenerationNumber present = workplace.generations.current_number();
  if (present == change->from) {
    return way_back(workplace, *change, false, story(*change) + " and was not put in force");
  }
  if (present != change->to) {
    throw Failure({.code = "journal-invalid",
                   .subject = "change.json",
                   .cause = "speaks of generations " + std::to_string(change->from) + " and " +
                            std::to_string(change->to) + ", but " + std::to_string(present) + " is in force",
                   .hint = "when generation " + std::to_string(present) +
                           " is what you want, remove change.json; else point `current` to one of the two first",
                   .needs_person = true});
  }
  try {
    bring_forward(workplace, *change);
  } catch (const std::exception& error) {
    return way_back(workplace, *change, true, story(*change) + " and could not be proven: " + error.what());
  }
  journal.commit();
  return Resolution{.committed = true,
                    .generation = change->to,
                    .explanation = story(*change) + "; generation " + std::to_string(change->to) +
                                   " is in force and proven: committed"};
}

}  // namespace chancery::change
