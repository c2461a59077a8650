// chancery storage …: where a primary keeps its register.
#include <nlohmann/json.hpp>

#include "appliance/cli/command.h"
#include "appliance/cli/human_time.h"
#include "appliance/cli/outcome_view.h"
#include "appliance/cli/table.h"

namespace chancery::cli {

using Json = nlohmann::json;

namespace {

void print_tables(Terminal& terminal, const Json& tables) {
  Table table({{.title = "TABLE"}, {.title = "ROWS", .align_right = true}});
  for (const Json& each : tables) {
    table.add({text_at(each, "table"), std::to_string(each.value("rows", std::int64_t{0}))});
  }
  table.print(terminal);
}

std::string issuer_of(Session& session, const Json& storage) {
  const Json issuer = storage.value("issuer", Json());
  if (!issuer.is_object()) return "none is elected: does chancery-authority run?";
  const bool is_ours = issuer.value("this_primary", false);
  if (text_at(issuer, "address").empty()) return "this primary";
  return (is_ours ? "this primary" : text_at(issuer, "address")) + ", elected " +
         dated(text_at(issuer, "since"), session.now());
}

int run_status(Session& session) {
  const Json reply = session.ask(Ask("storage-status"));
  Terminal& terminal = session.terminal();
  if (session.json()) {
    terminal.document(reply);
    return 0;
  }
  const Json storage = reply.value("storage", Json::object());
  Sheet sheet;
  sheet.add("register", text_at(storage, "place"));
  sheet.add("version", std::to_string(storage.value("version", 0)));
  if (const std::string state = text_at(storage, "state"); state != "in-force") {
    const std::string moved = text_at(storage, "moved_to");
    sheet.add("state", painted(Colour::red, state + (moved.empty() ? "" : " to " + moved)));
  }
  sheet.add("issues", issuer_of(session, storage));
  sheet.add("epoch", std::to_string(storage.value("epoch", std::int64_t{0})));
  sheet.print(terminal);
  print_tables(terminal, storage.value("tables", Json::array()));
  return 0;
}

int run_migrate(Session& session) {
  const Arguments& arguments = session.arguments();
  Ask ask("storage-migrate");
  ask.put_text("to", arguments.value("--to"))
      .put_text("password_file", arguments.value("--password-file"))
      .put_flag("dry_run", arguments.has("--dry-run"));
  const Json reply = session.ask(std::move(ask));
  const int code = show_outcome(session, reply, "the register was moved");
  if (session.json() || code != 0) return code;
  Terminal& terminal = session.terminal();
  const Json planned = reply.value("plan", Json::object());
  const Json tables =
      arguments.has("--dry-run") ? planned.value("tables", Json::array()) : reply.value("tables", Json::array());
  if (!tables.empty()) print_tables(terminal, tables);
  if (arguments.has("--dry-run")) return code;
  terminal.note("it lies at " + text_at(reply, "to"));
  terminal.note("the rows at " + text_at(reply, "from") + " are kept and take no more changes");
  return code;
}

int run_downgrade(Session& session) {
  const Arguments& arguments = session.arguments();
  Ask ask("storage-downgrade");
  if (arguments.has("--to-version")) {
    const std::string text = arguments.value("--to-version");
    if (text.empty() || text.size() > 4 || text.find_first_not_of("0123456789") != std::string::npos) {
      throw Failure({.code = "usage",
                     .subject = "--to-version",
                     .cause = "not a number: " + text,
                     .hint = "`chancery storage status` shows the present version"});
    }
    ask.put("version", std::stoi(text));
  }
  ask.put_flag("dry_run", arguments.has("--dry-run"));
  const Json reply = session.ask(std::move(ask));
  const int code =
      show_outcome(session, reply, "the register has version " + std::to_string(reply.value("version", 0)));
  if (code == 0 && !arguments.has("--dry-run")) {
    session.terminal().hint("install the older programs before any of these is started again");
  }
  return code;
}

constexpr Option kDryRun{.name = "--dry-run", .value = "", .help = "print the plan; change nothing"};
constexpr Option kMigrateOptions[] = {
    {.name = "--to",
     .value = "PLACE",
     .help = "sqlite, or postgresql://USER@HOST[:5432]/DATABASE (TLS, verified with the appliance's CA bundle)",
     .required = true},
    {.name = "--password-file",
     .value = "FILE",
     .help = "the password of USER: named in full, readable for the authority's user alone",
     .kind = "file"},
    kDryRun};
constexpr Option kDowngradeOptions[] = {
    {.name = "--to-version", .value = "N", .help = "the version wanted; one step back where nothing is said"}, kDryRun};
constexpr Example kStatusExamples[] = {{"chancery storage status", "the place, its version, and which primary issues"}};
constexpr Example kMigrateExamples[] = {
    {"chancery storage migrate --to postgresql://chancery@db.lan/federation --password-file /etc/chancery/db.password",
     "from the file to a server"},
    {"chancery storage migrate --to sqlite", "and back"}};
constexpr Example kDowngradeExamples[] = {
    {"chancery storage downgrade --dry-run", "which version the register would have"}};

constexpr Command kStorageCommands[] = {
    {.path = "storage status",
     .doing = "show the storage",
     .summary = "where the register lies and who issues",
     .description = "On a primary: the register has everything that was issued, tokens, members and revocations. On a "
                    "PostgreSQL server two primaries may share it; one of them is elected to issue.",
     .positionals = {},
     .options = {},
     .examples = kStatusExamples,
     .run = run_status},
    {.path = "storage migrate",
     .doing = "move the register",
     .summary = "move the register to a PostgreSQL server, or back into a file",
     .description =
         "Copies every row in one transaction, reads all of it back and compares digests, closes the old place "
         "for writing and changes settings/authority.toml; chancery-authority follows within a second. The "
         "old rows are kept. When it is cut short, the same command goes on. A place that has another "
         "register is refused. Joins and commands wait, or are asked to try again, while rows are copied.",
     .positionals = {},
     .options = kMigrateOptions,
     .examples = kMigrateExamples,
     .run = run_migrate},
    {.path = "storage downgrade",
     .doing = "take the register back",
     .summary = "bring the register to an earlier version, for older programs",
     .description = "Before an older version of Chancery is installed, and with all programs stopped. Keeps every row "
                    "that the older version knows; a step that would lose what it needs is refused.",
     .positionals = {},
     .options = kDowngradeOptions,
     .examples = kDowngradeExamples,
     .run = run_downgrade},
};

}  // namespace

std::span<const Command> storage_commands() { return kStorageCommands; }

}  // namespace chancery::cli
