// chancery collector …: rows of the command table. The portal itself is asked: it hears from every engine, and tells them.
#include <nlohmann/json.hpp>

#include "appliance/cli/command.h"
#include "appliance/cli/human_time.h"
#include "appliance/cli/session.h"
#include "appliance/cli/table.h"
#include "appliance/manager/program_question.h"

namespace chancery::cli {

using Json = nlohmann::json;

namespace {

constexpr std::size_t kShownDigits = 16;

int run_list(Session& session) {
  // Blocking is asked of the certificate manager, which has it in the audit.
  const Json reply = manager::ask_program(
      session.state(), "portal", {{"verb", "collector-list"}},
      "the portal of the primary (or of a single appliance) knows all collectors: ask there, and start it where it is "
      "stopped");
  if (session.json()) {
    session.terminal().document(reply);
    return 0;
  }
  Table table({{.title = "ID"},
               {.title = "HOST", .may_shrink = true},
               {.title = "ENGINE", .may_shrink = true},
               {.title = "STATE"},
               {.title = "LAST SEEN"}});
  for (const Json& each : reply.value("collectors", Json::array())) {
    const std::string seen = text_at(each, "last_seen");
    table.add({text_at(each, "id").substr(0, kShownDigits), text_at(each, "host"), text_at(each, "engine"),
               each.value("blocked", false) ? "blocked" : "admitted",
               seen.empty() ? "-" : relative(seen, session.now())});
  }
  if (table.is_empty()) {
    session.terminal().note("no collectors yet");
  } else {
    table.print(session.terminal());
  }
  return 0;
}

int set_blocked(Session& session, bool blocked) {
  const bool dry_run = session.arguments().has("--dry-run");
  Ask ask("collector-block");
  ask.put_text("id", session.arguments().value("ID")).put_flag("blocked", blocked).put_flag("dry_run", dry_run);
  const Json reply = session.ask(std::move(ask));
  if (session.json()) {
    session.terminal().document(reply);
    return 0;
  }
  const std::string id = text_at(reply, "id").substr(0, kShownDigits);
  const std::string outcome = text_at(reply, "outcome");
  if (outcome == "planned") {
    session.terminal().line("planned: nothing was changed (--dry-run)");
    session.terminal().line("collector " + id + (blocked ? " would be refused" : " would be let in again") +
                            " by every engine");
  } else if (!session.terminal().quiet()) {
    const std::string state = blocked ? " is blocked" : " is not blocked";
    session.terminal().line(outcome == "unchanged"
                                ? "unchanged: collector " + id + state + " already"
                                : "done: collector " + id + state + "; engines hear of it in seconds");
  }
  return 0;
}

int run_block(Session& session) { return set_blocked(session, true); }
int run_unblock(Session& session) { return set_blocked(session, false); }

constexpr Positional kId[] = {
    {.name = "ID", .help = "as `collector list` shows it; any beginning that is one's alone"}};
constexpr Option kOptions[] = {{.name = "--dry-run", .value = "", .help = "whom it would concern; change nothing"}};
constexpr Example kListExamples[] = {{"chancery collector list", "every collector that an engine has admitted"}};
constexpr Example kBlockExamples[] = {
    {"chancery collector block 3fa9c2107b44e6d1", "a stolen laptop: its connection ends within ten seconds"},
    {"chancery collector block 3fa9c2107b44e6d1 --dry-run", "is it the right one?"}};
constexpr Example kUnblockExamples[] = {{"chancery collector unblock 3fa9c2107b44e6d1", "it was found again"}};

constexpr Command kCollectorCommands[] = {
    {.path = "collector list",
     .doing = "list collectors",
     .summary = "the collectors of the federation",
     .description =
         "On the primary, from what engines tell in their heartbeats; LAST SEEN is at most an hour older than "
         "it says on the engine.",
     .positionals = {},
     .options = {},
     .examples = kListExamples,
     .run = run_list},
    {.path = "collector block",
     .doing = "block the collector",
     .summary = "refuse one collector everywhere",
     .description =
         "On the primary. Engines end its connection and refuse its key from then on, also while the primary "
         "is away. Whoever took its disk has the Customer Key too and can be admitted with a new key of its "
         "own: it then shows in `collector list` as another collector.",
     .positionals = kId,
     .options = kOptions,
     .examples = kBlockExamples,
     .run = run_block},
    {.path = "collector unblock",
     .doing = "unblock the collector",
     .summary = "let a blocked collector in again",
     .description = "On the primary.",
     .positionals = kId,
     .options = kOptions,
     .examples = kUnblockExamples,
     .run = run_unblock},
};

}  // namespace

std::span<const Command> collector_commands() { return kCollectorCommands; }

}  // namespace chancery::cli
