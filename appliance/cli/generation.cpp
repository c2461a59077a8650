// chancery generation …: the numbered snapshots of the whole TLS state.
#include <charconv>
#include <nlohmann/json.hpp>

#include "appliance/cli/command.h"
#include "appliance/cli/human_time.h"
#include "appliance/cli/outcome_view.h"
#include "appliance/cli/rehearsal_options.h"
#include "appliance/cli/table.h"

namespace chancery::cli {

using Json = nlohmann::json;

namespace {

long generation_number(const std::string& text) {
  long number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc{} && end == text.data() + text.size() && number > 0) return number;
  throw usage("not the number of a generation: " + text, "`chancery generation list` shows the numbers");
}

int run_list(Session& session) {
  const Json reply = session.ask(Ask("generation-list"));
  if (session.json()) {
    session.terminal().document(reply);
    return 0;
  }
  Table table({{.title = "NUMBER", .align_right = true},
               {.title = "MADE"},
               {.title = "REASON", .may_shrink = true},
               {.title = "WHO", .may_shrink = true},
               {.title = "STATE"}});
  bool has_drift = false;
  for (const Json& each : reply.value("generations", Json::array())) {
    const std::string problem = text_at(each, "problem");
    const bool in_force = each.value("in_force", false);
    const bool drifted = each.value("drift", 0) > 0;
    has_drift = has_drift || (in_force && drifted);
    Text state = in_force ? Text(painted(Colour::green, "in force")) : Text("kept");
    if (drifted) state << painted(Colour::yellow, ", edited by hand");
    if (!problem.empty()) state = painted(Colour::red, "DAMAGED: " + problem);
    table.add({text_at(each, "number"), relative(text_at(each, "when"), session.now()), text_at(each, "reason"),
               text_at(each, "who"), state});
  }
  table.print(session.terminal());
  if (has_drift)
    session.terminal().hint(
        "`chancery doctor` names the edited files; `chancery generation adopt` keeps them, "
        "`chancery generation undo` takes them back");
  return 0;
}

int run_diff(Session& session) {
  const Arguments& arguments = session.arguments();
  Ask ask("generation-diff");
  if (arguments.has("A")) ask.put("a", generation_number(arguments.value("A")));
  if (arguments.has("B")) ask.put("b", generation_number(arguments.value("B")));
  const Json reply = session.ask(std::move(ask));
  Terminal& terminal = session.terminal();
  if (session.json()) {
    terminal.document(reply);
    return 0;
  }
  const Json differences = reply.value("differences", Json::array());
  for (const Json& each : differences) {
    const std::string kind = text_at(each, "kind");
    const Colour colour = kind == "+" ? Colour::green : kind == "-" ? Colour::red : Colour::yellow;
    terminal.line(Text() << painted(colour, kind) << " " << text_at(each, "path"));
  }
  if (differences.empty()) {
    terminal.note("generations " + text_at(reply, "a") + " and " + text_at(reply, "b") + " hold the same");
  }
  return 0;
}

int run_rollback(Session& session) {
  const std::string number = session.arguments().value("NUMBER");
  Ask ask("generation-rollback");
  ask.put("number", generation_number(number)).put_flag("dry_run", session.arguments().has("--dry-run"));
  put_rehearsal(ask, session.arguments());
  return show_outcome(session, session.ask(std::move(ask)), "everything is as in generation " + number);
}

// Sends what deals with edits by hand, and names them below the outcome.
int edits_by_hand(Session& session, Ask ask, const std::string& done, const std::string& list) {
  ask.put_flag("dry_run", session.arguments().has("--dry-run"));
  const Json reply = session.ask(std::move(ask));
  const int exit = show_outcome(session, reply, done);
  if (exit == 0 && !session.json() && !session.terminal().quiet()) {
    for (const Json& each : reply.value(list, Json::array())) {
      session.terminal().line("  " + text_at(each, "path") + " " + text_at(each, "message"));
    }
  }
  return exit;
}

int run_adopt(Session& session) {
  Ask ask("generation-adopt");
  put_rehearsal(ask, session.arguments());
  return edits_by_hand(session, std::move(ask), "what was edited by hand is a generation of its own", "adopted");
}

int run_undo(Session& session) {
  return edits_by_hand(session, Ask("generation-undo"), "everything is as it was before it was edited by hand",
                       "undone");
}

int run_purge(Session& session) {
  Ask ask("generation-purge");
  ask.put_text("key", session.arguments().value("--key")).put_flag("dry_run", session.arguments().has("--dry-run"));
  const Json reply = session.ask(std::move(ask));
  Terminal& terminal = session.terminal();
  if (session.json() || text_at(reply, "outcome") == "refused") return show_outcome(session, reply, "");
  if (terminal.quiet()) return 0;
  const std::string outcome = text_at(reply, "outcome");
  const std::string generations = text_at(reply, "removed_generations");
  const std::string sets = text_at(reply, "removed_sets");
  const bool planned = outcome == "planned";
  terminal.line(outcome == "unchanged" ? Text("unchanged: no generation and no backup set holds this key")
                : planned              ? Text("planned: nothing was changed (--dry-run)")
                                       : (Text() << painted(Colour::green, "done") << ": the key is gone"));
  if (!generations.empty())
    terminal.line((planned ? "  would remove generations " : "  removed generations ") + generations);
  if (!sets.empty()) terminal.line((planned ? "  would remove backup sets " : "  removed backup sets ") + sets);
  if (const std::string foreign = text_at(reply, "removed_foreign"); !foreign.empty()) {
    terminal.line((planned ? "  would remove from backups/foreign " : "  removed from backups/foreign ") + foreign);
  }
  if (const std::string undecided = text_at(reply, "undecided_foreign"); !undecided.empty()) {
    terminal.note("whether these files in backups/foreign hold it, nobody can tell without their passwords: " +
                  undecided + "; remove those that do by hand");
  }
  if (const std::string undecided = text_at(reply, "undecided_sets"); !undecided.empty()) {
    terminal.note("whether these sets of keystores hold it, nobody can tell without their passwords: " + undecided +
                  "; look with `chancery backup show`, and remove those that do by hand");
  }
  return 0;
}

constexpr Option kDryRun{.name = "--dry-run", .value = "", .help = "print the plan; change nothing"};
constexpr Option kDryRunOnly[] = {kDryRun};
constexpr Option kRehearsedOptions[] = {kNoRehearsal, kStopAboveBreakage, kDeadline, kWatch, kWatchShare, kDryRun};
constexpr Example kListExamples[] = {{"chancery generation list", "which is in force, who made each, and why"}};
constexpr Positional kDiffPositionals[] = {
    {.name = "A", .help = "from this one; without it, the parent of B", .required = false},
    {.name = "B", .help = "to this one; without it, the one in force", .required = false}};
constexpr Example kDiffExamples[] = {{"chancery generation diff 11 12", "+ new, - gone, ~ other bytes or mode"},
                                     {"chancery generation diff", "what the last change did"}};
constexpr Positional kNumber[] = {{.name = "NUMBER", .help = "as `generation list` shows it"}};
constexpr Example kRollbackExamples[] = {
    {"chancery generation rollback 11", "everything as it was in 11, as a new generation"},
    {"chancery generation rollback 11 --dry-run", "what would change"}};
constexpr Example kAdoptExamples[] = {
    {"chancery generation adopt", "keep what was edited by hand, if it holds together"},
    {"chancery generation adopt --accept-breakage 0", "only where nobody would be locked out"}};
constexpr Example kUndoExamples[] = {
    {"chancery generation undo", "every file is again as the last change made it"},
    {"chancery generation undo --dry-run", "which files differ, and what would be put back"}};
constexpr Option kPurgeOptions[] = {{.name = "--key",
                                     .value = "SHA256",
                                     .help = "of the public key, or the fingerprint of a certificate of it",
                                     .required = true},
                                    kDryRun};
constexpr Example kPurgeExamples[] = {{"chancery generation purge --key 5f3c…",
                                       "after it was replaced: the key is found in no generation and no backup set"}};

constexpr Command kGenerationCommands[] = {
    {.path = "generation list",
     .doing = "list generations",
     .summary = "the snapshots, and which is in force",
     .description = "Every change makes one; the newest are kept.",
     .positionals = {},
     .options = {},
     .examples = kListExamples,
     .run = run_list},
    {.path = "generation diff",
     .doing = "compare generations",
     .summary = "which files differ between two",
     .description = "By the seals of both: nothing is shown of what is in the files.",
     .positionals = kDiffPositionals,
     .options = {},
     .examples = kDiffExamples,
     .run = run_diff},
    {.path = "generation rollback",
     .doing = "roll back",
     .summary = "everything as it was in an earlier one",
     .description =
         "A change like any other: checked against the present, rehearsed, backed up, proven, or undone. Who would "
         "break is told, and stops it only where --accept-breakage says how many are too many.",
     .positionals = kNumber,
     .options = kRehearsedOptions,
     .examples = kRollbackExamples,
     .run = run_rollback},
    {.path = "generation adopt",
     .doing = "adopt the edits",
     .summary = "keep what was edited by hand",
     .description = "Makes a new generation of the one in force with its edited files, after the same checks as for "
                    "every change. Programs have not served the edits until then: who would break is told, and stops "
                    "it only where --accept-breakage says how many are too many.",
     .positionals = {},
     .options = kRehearsedOptions,
     .examples = kAdoptExamples,
     .run = run_adopt},
    {.path = "generation undo",
     .doing = "undo the edits",
     .summary = "take back what was edited by hand",
     .description = "Makes a new generation of what the one in force was when it was made, kept sealed for this. The "
                    "edited files are in the backup set that this change makes.",
     .positionals = {},
     .options = kDryRunOnly,
     .examples = kUndoExamples,
     .run = run_undo},
    {.path = "generation purge",
     .doing = "purge the key",
     .summary = "remove a compromised key everywhere",
     .description = "From every generation and backup set, those of keystores outside included. A key in force is "
                    "refused: replace it "
                    "first.",
     .positionals = {},
     .options = kPurgeOptions,
     .examples = kPurgeExamples,
     .run = run_purge},
};

}  // namespace

std::span<const Command> generation_commands() { return kGenerationCommands; }

}  // namespace chancery::cli
