// Generations: listed, compared, gone back to, and edits by hand adopted or undone.
#include <nlohmann/json.hpp>

#include "appliance/manager/knowledge.h"
#include "appliance/manager/rehearsal.h"
#include "appliance/manager/verbs.h"

namespace chancery::manager {
namespace {

using backup::Generation;
using backup::GenerationNumber;
using nlohmann::json;

GenerationNumber number_argument(const Call& call, const std::string& name, GenerationNumber otherwise) {
  const auto number = call.number(name);
  if (!number) {
    if (otherwise != 0) return otherwise;
    throw bad_argument(name, "is missing", "name a generation; chancery generation list shows them");
  }
  if (*number < 1) throw bad_argument(name, "is not the number of a generation", "chancery generation list shows them");
  return static_cast<GenerationNumber>(*number);
}

json entry(const Generation& generation, bool in_force) {
  json out{{"number", generation.number()}, {"in_force", in_force}};
  try {
    const backup::Manifest& manifest = generation.manifest();
    out["parent"] = manifest.parent;
    out["reason"] = manifest.cause.reason;
    out["who"] = manifest.cause.who;
    out["when"] = to_rfc3339(manifest.cause.when);
    out["drift"] = generation.drift().size();
  } catch (const Failure& failure) {
    out["problem"] = failure.cause();
  }
  return out;
}

json edits_by_hand(Bench& bench) {
  json edits = json::array();
  for (const backup::Drift& one : bench.current().drift()) {
    edits.push_back({{"path", one.path}, {"message", one.message}});
  }
  return edits;
}

}  // namespace

json generation_list(Bench& bench, Call&) {
  const GenerationNumber current = bench.generations.current_number();
  json list = json::array();
  for (const GenerationNumber number : bench.generations.list()) {
    list.push_back(entry(bench.generations.open(number), number == current));
  }
  return {{"in_force", current}, {"generations", std::move(list)}};
}

json generation_diff(Bench& bench, Call& call) {
  const GenerationNumber to = number_argument(call, "b", bench.generations.current_number());
  const Generation newer = bench.generations.open(to);
  const GenerationNumber from = number_argument(call, "a", newer.manifest().parent);
  json differences = json::array();
  for (const backup::Difference& difference : backup::difference(bench.generations.open(from), newer)) {
    differences.push_back({{"kind", std::string(1, difference.kind)}, {"path", difference.path}});
  }
  return {{"a", from}, {"b", to}, {"differences", std::move(differences)}};
}

json generation_rollback(Bench& bench, Call& call) {
  const GenerationNumber number = number_argument(call, "number", 0);
  const Bench::Writer writer = bench.begin_change(call.who() + ", generation rollback " + std::to_string(number));
  const Generation target = bench.generations.open(number);
  change::Plan plan = change::plan_rollback(bench.current(), bench.appliance, target, know(bench), bench.now());
  return finish_rehearsed(bench, std::move(plan), call, advisory_options(call));
}

json generation_adopt(Bench& bench, Call& call) {
  const Bench::Writer writer = bench.begin_change(call.who() + ", generation adopt");
  json adopted = edits_by_hand(bench);
  if (adopted.empty()) {
    return {{"outcome", "unchanged"}, {"generation", bench.current().number()}, {"adopted", std::move(adopted)}};
  }
  change::Plan plan = change::plan_adopt(bench.current(), bench.appliance, know(bench), bench.now());
  RehearsalOptions options = advisory_options(call);
  std::string unknown;
  backup::Edits served;
  try {
    if (!options.skip) served = as_made(bench);
  } catch (const Failure& failure) {
    // It must not bar the way out that what is served is known to nobody.
    options.skip = true;
    unknown = failure.what();
  }
  json reply = finish_rehearsed(bench, std::move(plan), call, options, &served);
  if (!unknown.empty()) reply["warnings"].push_back("who would break was not asked: " + unknown);
  reply["adopted"] = std::move(adopted);
  return reply;
}

json generation_undo(Bench& bench, Call& call) {
  const Bench::Writer writer = bench.begin_change(call.who() + ", generation undo");
  json undone = edits_by_hand(bench);
  const GenerationNumber current = bench.current().number();
  if (undone.empty()) return {{"outcome", "unchanged"}, {"generation", current}, {"undone", std::move(undone)}};
  const backup::BackupSet pristine = bench.sets.pristine(current);
  json reply = finish(bench, change::plan_undo(bench.current(), pristine.files("")), call);
  reply["undone"] = std::move(undone);
  return reply;
}

}  // namespace chancery::manager
