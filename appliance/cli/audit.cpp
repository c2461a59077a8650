// chancery audit …: who changed what and who signed in; and whether all of it is still there.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "appliance/cli/command.h"
#include "appliance/cli/human_time.h"
#include "appliance/cli/outcome_view.h"
#include "appliance/cli/session.h"
#include "appliance/cli/table.h"

namespace chancery::cli {

using Json = nlohmann::json;

namespace {

constexpr long kMostRecords = 100'000;

// "24h" and "7d" count back from now; anything else is a time.
std::string instant_of(Session& session, const char* option) {
  const std::string given = session.arguments().value(option);
  if (given.empty() || given.find('T') != std::string::npos) return given;
  if (given.size() == 10 && given[4] == '-') return given + "T00:00:00Z";
  return to_rfc3339(session.now() - std::chrono::seconds(seconds_from(given, option)));
}

Text outcome_text(const Json& record) {
  const std::string outcome = text_at(record, "outcome");
  const std::string code = text_at(record, "code");
  const Colour colour = outcome == "done" ? Colour::green : outcome == "refused" ? Colour::yellow : Colour::red;
  Text text = painted(colour, outcome);
  if (!code.empty()) text << " " << code;
  return text;
}

std::string generations_text(const Json& record) {
  const auto generation = record.find("generation");
  if (generation == record.end()) return "";
  const std::string from = text_at(*generation, "from");
  const std::string to = text_at(*generation, "to");
  return from == to ? from : from + " → " + to;
}

std::string arguments_text(const Json& record) {
  const Json arguments = record.value("arguments", Json::object());
  if (!arguments.is_object()) return arguments.dump();
  std::string text;
  for (const auto& [name, value] : arguments.items()) {
    text += (text.empty() ? "" : ", ") + name + "=" + (value.is_string() ? value.get<std::string>() : value.dump());
  }
  return text;
}

// "root (uid 0, pid 4711)" is root where room is scarce; --full and --json have all of it.
std::string short_who(const Json& record) {
  const std::string who = text_at(record, "who");
  return who.substr(0, std::min(who.find(" ("), who.find(',')));
}

// "2026-11-21 10:15:00"; all times are UTC.
std::string short_time(const Json& record) {
  std::string time = text_at(record, "time");
  if (time.size() == 20 && time[10] == 'T') time[10] = ' ', time.pop_back();
  return time;
}

void print_detail(Terminal& terminal, const Json& record, Instant now) {
  Sheet sheet;
  sheet.add("record", text_at(record, "number"));
  sheet.add("time", dated(text_at(record, "time"), now));
  sheet.add("who", text_at(record, "who"));
  sheet.add("what", text_at(record, "verb"));
  if (const std::string arguments = arguments_text(record); !arguments.empty()) sheet.add("with", arguments);
  if (const std::string generations = generations_text(record); !generations.empty()) {
    sheet.add("generation", generations);
  }
  sheet.add("outcome", outcome_text(record));
  for (const Json& leaf : record.value("leaves", Json::array())) {
    const std::string before = text_at(leaf, "before");
    const std::string after = text_at(leaf, "after");
    sheet.add(text_at(leaf, "identity"), (before.empty() ? "-" : before) + " → " + (after.empty() ? "-" : after));
  }
  sheet.add("hash", text_at(record, "hash"));
  sheet.print(terminal);
  terminal.line();
}

int run_show(Session& session) {
  const Arguments& arguments = session.arguments();
  Ask ask("audit-show");
  ask.put("limit", arguments.number("--limit", 50, 1, kMostRecords));
  ask.put("after", arguments.number("--after", 0, 0, 1'000'000'000'000));
  ask.put_text("since", instant_of(session, "--since"));
  ask.put_text("until", instant_of(session, "--until"));
  for (const char* name : {"kind", "verb", "outcome", "who"}) {
    ask.put_text(name, arguments.value("--" + std::string(name)));
  }
  const Json reply = session.ask(std::move(ask));
  Terminal& terminal = session.terminal();
  if (session.json()) {
    terminal.document(reply);
    return 0;
  }
  const Json records = reply.value("records", Json::array());
  if (records.empty()) {
    terminal.note("the audit holds no such record");
    return 0;
  }
  if (arguments.has("--full")) {
    for (const Json& record : records) print_detail(terminal, record, session.now());
    return 0;
  }
  Table table({{.title = "RECORD", .align_right = true},
               {.title = "TIME (UTC)"},
               {.title = "WHO", .may_shrink = true},
               {.title = "WHAT", .may_shrink = true},
               {.title = "GENERATION"},
               {.title = "OUTCOME", .may_shrink = true}});
  for (const Json& record : records) {
    table.add({text_at(record, "number"), short_time(record), short_who(record), text_at(record, "verb"),
               generations_text(record), outcome_text(record)});
  }
  table.print(terminal);
  return 0;
}

void add_finding(Sheet& sheet, const Json& finding) {
  const std::string severity = text_at(finding, "severity");
  const Colour colour = severity == "error" ? Colour::red : severity == "warning" ? Colour::yellow : Colour::dim;
  sheet.add(severity, Text() << painted(colour, text_at(finding, "code")) << ": " << text_at(finding, "message"));
}

int run_verify(Session& session) {
  const Json reply = session.ask(Ask("audit-verify"));
  const bool is_broken = text_at(reply, "verdict") == "broken";
  Terminal& terminal = session.terminal();
  if (session.json()) {
    terminal.document(reply);
    return is_broken ? 1 : 0;
  }
  const std::string count = text_at(reply, "records");
  if (is_broken) {
    terminal.line(Text() << painted(Colour::red, "BROKEN") << ": the audit is not as it was written");
  } else {
    const bool warns = text_at(reply, "verdict") == "warn";
    terminal.line(Text() << painted(Colour::green, "intact") << (warns ? ", with warnings" : "") << ": " << count
                         << " records, the newest is " << text_at(reply, "last"));
  }
  Sheet sheet;
  for (const Json& finding : reply.value("findings", Json::array())) add_finding(sheet, finding);
  const Json confirmed = reply.value("confirmed", Json());
  if (confirmed.is_object()) {
    sheet.add("agrees",
              "with what " + text_at(confirmed, "by") + " holds, up to record " + text_at(confirmed, "record"));
  }
  sheet.print(terminal, 2);
  if (is_broken) {
    terminal.hint(
        "keep STATE/audit as it is for whoever looks into this; chancery audit show --after N lists what stands "
        "there");
  }
  return is_broken ? 1 : 0;
}

int run_rotate(Session& session) {
  Ask ask("audit-rotate-key");
  ask.put_flag("dry_run", session.arguments().has("--dry-run"));
  const Json reply = session.ask(std::move(ask));
  return show_outcome(session, reply, "the audit is signed with a new key");
}

constexpr Option kShowOptions[] = {
    {.name = "--limit", .value = "N", .help = "the newest N that fit (50)"},
    {.name = "--since", .value = "TIME", .help = "not before: 24h, 7d, 2026-11-21, or RFC 3339"},
    {.name = "--until", .value = "TIME", .help = "not after"},
    {.name = "--after", .value = "N", .help = "only records after number N: for scripts that follow"},
    {.name = "--kind",
     .value = "KIND",
     .help = "change, sign-in, export, denied or rebuild",
     .kind = "change|sign-in|export|denied|rebuild"},
    {.name = "--who", .value = "TEXT", .help = "whose name holds this"},
    {.name = "--verb", .value = "VERB", .help = "cert-replace, federation-remove, …"},
    {.name = "--outcome",
     .value = "OUTCOME",
     .help = "done, refused, rolled-back, interrupted or needs-person",
     .kind = "done|refused|rolled-back|interrupted|needs-person"},
    {.name = "--full", .value = "", .help = "everything about each: arguments, leaves before and after, hash"}};
constexpr Example kShowExamples[] = {
    {"chancery audit show --since 24h", "what happened since yesterday, oldest first"},
    {"chancery audit show --verb cert-replace --full", "every replacement, with the leaves before and after"},
    {"chancery audit show --kind sign-in --outcome refused", "who was not let in, from where, how often"},
    {"chancery audit show --after 840 --json", "what is new since record 840, for a script"}};
constexpr Example kVerifyExamples[] = {
    {"chancery audit verify", "exit 0 when nothing was edited, taken out, moved or cut off; 1 when something was"}};
constexpr Option kRotateOptions[] = {
    {.name = "--dry-run", .value = "", .help = "print what would change; change nothing"}};
constexpr Example kRotateExamples[] = {
    {"chancery audit rotate-key", "the present key endorses the next, so peers follow by themselves"}};

constexpr Command kAuditCommands[] = {
    {.path = "audit show",
     .doing = "show the audit",
     .summary = "who changed what, and who signed in",
     .description =
         "One record for every change, whoever asked for it and however it ended, one for each sign-in (of failures "
         "one "
         "a "
         "minute and address, with their number), and for every backup that left the appliance. No secret is in it.",
     .positionals = {},
     .options = kShowOptions,
     .examples = kShowExamples,
     .run = run_show},
    {.path = "audit verify",
     .doing = "verify the audit",
     .summary = "check that nothing in it was edited, taken out or cut off",
     .description = "Checks every record's hash, the chain, the signed head, and the heads that other appliances of "
                    "the federation "
                    "hold: they are asked now. What is found is placed by the number of the record. Peers that cannot "
                    "be asked are "
                    "named. Exit 0: intact, or only what a rebuild from a backup has lost; 1: broken.",
     .positionals = {},
     .options = {},
     .examples = kVerifyExamples,
     .run = run_verify},
    {.path = "audit rotate-key",
     .doing = "change the key of the audit",
     .summary = "sign the audit with a new key",
     .description = "The key that signs the head (secrets/audit.key) is exchanged; the present one endorses the next.",
     .positionals = {},
     .options = kRotateOptions,
     .examples = kRotateExamples,
     .run = run_rotate},
};

}  // namespace

std::span<const Command> audit_commands() { return kAuditCommands; }

}  // namespace chancery::cli
