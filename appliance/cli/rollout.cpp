// chancery federation rollout: reads the plan, and asks the certificate manager for one step after the other. The
// manager keeps where it stands; this program shows it, and may die at any moment.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "appliance/cli/command.h"
#include "appliance/cli/rollout_view.h"
#include "appliance/cli/secret_input.h"
#include "appliance/cli/session.h"
#include "appliance/rollout/plan.h"
#include "appliance/rollout/waves.h"

namespace chancery::cli {

using Json = nlohmann::json;
using rollout::PlanEntry;

namespace {

void put_files(Ask& ask, std::size_t index, const char* kind, std::vector<preflight::SourceFile>& files) {
  for (preflight::SourceFile& file : files) {
    ask.add_file("files", std::to_string(index) + "-" + kind, std::move(file));
  }
}

Ask beginning(const Arguments& arguments) {
  std::optional<SecretBytes> passphrase = given_secret(arguments, "--passphrase");
  std::vector<PlanEntry> plan = rollout::read_plan(arguments.value("--plan"), passphrase ? &*passphrase : nullptr);
  std::vector<preflight::SourceFile> trusted;
  for (const std::string& path : arguments.values("--also-trust")) trusted.push_back(read_source(path));
  Ask ask("rollout-begin");
  Json entries = Json::object();
  for (std::size_t i = 0; i < plan.size(); ++i) {
    PlanEntry& entry = plan[i];
    entry.also_trust.insert(entry.also_trust.end(), trusted.begin(), trusted.end());
    const std::vector<std::string> accepted = arguments.values("--accept");
    entry.accept.insert(entry.accept.end(), accepted.begin(), accepted.end());
    entries[std::to_string(i)] = {{"members", entry.members},
                                  {"label", entry.label},
                                  {"address", entry.address},
                                  {"identities", entry.identities},
                                  {"accept", entry.accept}};
    if (arguments.has("--accept-breakage")) {
      entries[std::to_string(i)]["accept_breakage"] =
          static_cast<unsigned>(arguments.number("--accept-breakage", 0, 0, 1'000'000));
    }
    put_files(ask, i, "certificate", entry.certificate);
    put_files(ask, i, "key", entry.key);
    put_files(ask, i, "intermediate", entry.intermediate);
    put_files(ask, i, "also_trust", entry.also_trust);
  }
  ask.put("entries", entries)
      .put_text("waves", arguments.value("--waves", rollout::usual_waves))
      .put_flag("dry_run", arguments.has("--dry-run"));
  if (passphrase) ask.put_secret("passphrase", std::move(*passphrase));
  return ask;
}

Json step(Session& session, const std::string& id, bool again) {
  Ask ask("rollout-step");
  ask.put_text("id", id).put_flag("again", again);
  ask.put("patience_seconds", seconds_from(session.arguments().value("--patience", "15s"), "--patience"));
  try {
    return session.ask(std::move(ask));
  } catch (const Failure& failure) {
    if (failure.code() == "unknown-rollout") throw;
    // Whatever happened to the manager, it has written down where it stands.
    throw Failure({.code = failure.code(),
                   .subject = failure.subject(),
                   .cause = failure.cause(),
                   .hint = failure.hint() + "; then go on with: chancery federation rollout --resume",
                   .needs_person = failure.needs_person()});
  }
}

int go_on(Session& session, Json reply, bool again) {
  RolloutView view(session);
  view.begin(reply);
  while (text_at(reply, "outcome") == "running" || again) {
    reply = step(session, text_at(reply, "id"), again);
    again = false;
    view.show(reply);
  }
  return view.finish(reply, session.arguments().has("--stop"));
}

int run_undo(Session& session) {
  const Arguments& arguments = session.arguments();
  Ask ask("rollout-undo");
  ask.put_text("id", arguments.value("--undo"))
      .put("without", arguments.values("--without"))
      .put_flag("dry_run", arguments.has("--dry-run"));
  const Json reply = session.ask(std::move(ask));
  const std::string outcome = text_at(reply, "outcome");
  if (outcome == "refused" || outcome == "planned") return show_rollout_preflight(session, reply);
  return go_on(session, reply, false);
}

int run_status(Session& session) {
  Ask ask("rollout-status");
  return show_rollouts(session, session.ask(std::move(ask)));
}

int run_rollout(Session& session) {
  const Arguments& arguments = session.arguments();
  const std::vector<const char*> ways{"--plan", "--resume", "--stop", "--undo", "--status"};
  if (std::ranges::count_if(ways, [&](const char* way) { return arguments.has(way); }) != 1) {
    throw usage("one of --plan, --resume, --stop, --undo and --status is needed",
                "begin with: chancery federation rollout --plan FILE --dry-run");
  }
  if (!arguments.has("--plan")) {
    for (const char* with_plan : {"--waves", "--also-trust", "--accept", "--accept-breakage"}) {
      if (arguments.has(with_plan)) {
        throw usage(std::string(with_plan) + " goes with --plan", "a rollout keeps what it was begun with");
      }
    }
    if (arguments.has("--dry-run") && !arguments.has("--stop") && !arguments.has("--undo")) {
      throw usage("--dry-run goes with --plan, --stop and --undo",
                  "chancery federation rollout --status shows what is under way");
    }
  }
  if (arguments.has("--without") && !arguments.has("--undo")) {
    throw usage("--without goes with --undo", "a plan names those that it is for");
  }
  if (arguments.has("--status")) return run_status(session);
  if (arguments.has("--undo")) return run_undo(session);
  if (arguments.has("--resume") || arguments.has("--stop")) {
    Ask ask("rollout-stop");
    if (arguments.has("--stop")) {
      ask.put_flag("dry_run", arguments.has("--dry-run"));
      Json reply = session.ask(std::move(ask));
      if (text_at(reply, "outcome") == "planned") return show_rollout_plan(session, reply);
      return go_on(session, std::move(reply), false);
    }
    return go_on(session, step(session, "", true), false);
  }
  const Json reply = session.ask(beginning(arguments));
  const std::string outcome = text_at(reply, "outcome");
  if (outcome == "refused" || outcome == "planned") return show_rollout_preflight(session, reply);
  return go_on(session, reply, false);
}

constexpr Option kOptions[] = {
    {.name = "--plan",
     .value = "FILE",
     .help = "which certificate goes to which member: TOML, JSON, a folder, or a zip of one",
     .kind = "file"},
    {.name = "--waves",
     .value = "LIST",
     .help = "how many members are done after each wave, as numbers or shares of all (1,10%,100%)"},
    {.name = "--also-trust",
     .value = "FILE",
     .help = "a root that members shall know from now on",
     .kind = "file",
     .repeated = true},
    {.name = "--accept",
     .value = "CODE",
     .help = "go on despite this finding, where accepting makes sense",
     .repeated = true},
    {.name = "--accept-breakage",
     .value = "N",
     .help = "stop where more than so many would no longer connect to a member; else they are only told"},
    {.name = "--passphrase-file", .value = "FILE", .help = "opens encrypted keys of the plan", .kind = "file"},
    {.name = "--passphrase-env", .value = "VARIABLE", .help = "the same from an environment variable"},
    {.name = "--resume", .value = "", .help = "go on with the rollout that is under way"},
    {.name = "--stop", .value = "", .help = "take its present wave back, and end it"},
    {.name = "--undo",
     .value = "ID",
     .help = "puts every member back to what it had before this rollout, the last wave first; last: the newest"},
    {.name = "--without", .value = "MEMBER", .help = "of --undo: this one stays as it is", .repeated = true},
    {.name = "--status", .value = "", .help = "the rollouts that were, and the one under way"},
    {.name = "--patience",
     .value = "TIME",
     .help = "how long a member is tried again that does not answer (15s, at most 2m)"},
    {.name = "--events", .value = "", .help = "what happens as one JSON object a line, on stderr"},
    {.name = "--dry-run", .value = "", .help = "ask every member what its preflight says; change nothing anywhere"}};

constexpr Example kExamples[] = {
    {"chancery federation rollout --plan plan.toml --dry-run",
     "all findings of all members; plan.toml: [member.\"engine1.example.com\"] certificate = \"engine1.pem\" key = "
     "\"engine1.key\""},
    {"chancery federation rollout --plan delivery.zip --waves 1,10%,100%",
     "one member, then a tenth, then the rest; files are matched to members by their names or folders"},
    {"chancery federation rollout --resume", "after a crash or a lost connection: goes on where it was"},
    {"chancery federation rollout --undo last --dry-run",
     "asks every member whether it could go back to what it had before; without --dry-run they do"},
    {"chancery federation rollout --plan wildcard/ --events --json 2> events.jsonl", "for scripts"}};

constexpr Command kRolloutCommands[] = {
    {.path = "federation rollout",
     .doing = "roll out",
     .summary = "replace certificates across members, in waves",
     .description =
         "On the primary. Every member is asked for its preflight before anything is changed anywhere. Then each wave "
         "is "
         "replaced, over mutual TLS, each member by its own transaction with backup set and proof; the first failure "
         "takes "
         "the whole wave back and ends the rollout; waves that were done stay. Orders are signed by a certificate that "
         "only the primary's certificate manager can get, and encrypted for the member. After a crash of the primary "
         "--resume, or the same command, goes on. --undo takes a rollout back whole that is over: each member "
         "restores the backup set of its own replace, unless its certificate was changed since; who refuses or does "
         "not answer stops it before anything is changed, unless named by --without.",
     .positionals = {},
     .options = kOptions,
     .examples = kExamples,
     .run = run_rollout},
};

}  // namespace

std::span<const Command> rollout_commands() { return kRolloutCommands; }

}  // namespace chancery::cli
