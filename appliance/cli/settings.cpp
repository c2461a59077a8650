// chancery settings …: matters of one process, through the same transaction as everything else.
#include <nlohmann/json.hpp>

#include "appliance/cli/command.h"
#include "appliance/cli/outcome_view.h"
#include "appliance/cli/secret_input.h"
#include "appliance/cli/table.h"

namespace chancery::cli {

using Json = nlohmann::json;

namespace {

// What begins with @ names a file, as with curl and gh: an address may hold a token, and argv is everybody's to read.
std::string value_of(const std::string& key, const std::string& word) {
  if (!word.starts_with('@')) return word;
  const std::string path = word.substr(1);
  if (path.empty()) throw usage(key + "=@ names no file", "give " + key + "=@FILE, or " + key + "=@- for stdin");
  const SecretBytes bytes = secret_from(path);
  const std::string_view text = text_of(view_of(bytes));
  if (!text.empty() && text.find_first_of(std::string_view("\n\0", 2)) == std::string_view::npos) {
    return std::string(text);
  }
  throw Failure({.code = "bad-setting",
                 .subject = key,
                 .cause = path + (text.empty() ? " is empty" : " holds more than one line"),
                 .hint = "write the value of " + key + " into it, as one line; " + key + "= takes the setting away"});
}

Json settings_given(const std::vector<std::string>& words) {
  Json settings = Json::object();
  for (const std::string& word : words) {
    const auto [key, value] = key_value(word, "for example: mail.to=ops@example.com; KEY= takes it away");
    settings[key] = value_of(key, value);
  }
  return settings;
}

int run_settings_show(Session& session) {
  Ask ask("settings-show");
  ask.put_text("program", session.arguments().value("PROGRAM"));
  const Json reply = session.ask(std::move(ask));
  Terminal& terminal = session.terminal();
  if (session.json()) {
    terminal.document(reply);
    return 0;
  }
  Table table({{.title = "SETTING"},
               {.title = "VALUE", .may_shrink = true},
               {.title = "FROM", .may_shrink = true},
               {.title = "MEANING", .may_shrink = true}});
  for (const Json& each : reply.at("settings")) {
    const std::string problem = text_at(each, "problem");
    const std::string from = text_at(each, "from");
    table.add({text_at(each, "program") + " " + text_at(each, "key"),
               problem.empty() ? Text(text_at(each, "value")) : Text(painted(Colour::red, problem)),
               from.empty() ? Text(painted(Colour::dim, "default")) : Text(from), text_at(each, "meaning")});
  }
  table.print(terminal);
  for (const Json& program : reply.at("programs")) {
    const std::string name = text_at(program, "program");
    if (program.contains("problem")) {
      terminal.note(Text() << painted(Colour::red, "wrong: ") << text_at(program["problem"], "message"));
      terminal.note(Text() << painted(Colour::dim, "hint: ") << text_at(program["problem"], "hint"));
    }
    if (program.value("restart", false)) {
      const std::string waiting = text_at(program, "waiting");
      terminal.note(Text() << painted(Colour::yellow, "not in force yet: ")
                           << (waiting.empty() ? "chancery-" + name + " was started with other settings" : waiting)
                           << ": systemctl restart chancery-" + name);
    }
  }
  return 0;
}

int run_settings_set(Session& session) {
  const Arguments& arguments = session.arguments();
  const std::string program = arguments.value("PROGRAM");
  Ask ask("settings-set");
  ask.put_text("program", program)
      .put("settings", settings_given(arguments.values("KEY=VALUE")))
      .put_flag("dry_run", arguments.has("--dry-run"));
  const Json reply = session.ask(std::move(ask));
  const bool is_for_people = !session.json() && !session.terminal().quiet();
  const int exit = show_outcome(session, reply, "settings of " + program + " are written");
  if (!is_for_people || !reply.contains("changes")) return exit;
  for (const Json& change : reply["changes"]) {
    const auto shown = [&](const char* which) {
      const std::string text = text_at(change, which);
      return text.empty() ? std::string("nothing") : text;
    };
    session.terminal().line("  " + text_at(change, "key") + ": " + shown("before") + " -> " + shown("after"));
  }
  return exit;
}

constexpr const char* kPrograms = "console|portal|engine|authority|manager";
constexpr Positional kShowPositionals[] = {
    {.name = "PROGRAM", .help = "only this one's", .kind = kPrograms, .required = false}};
constexpr Positional kSettingPositionals[] = {
    {.name = "PROGRAM", .help = "whose setting it is", .kind = kPrograms},
    {.name = "KEY=VALUE",
     .help = "lists separated by commas; KEY= takes it away, KEY=@FILE reads it (@- is stdin)",
     .repeated = true}};
constexpr Option kSettingOptions[] = {
    {.name = "--dry-run", .value = "", .help = "print the plan (files, values before and after); change nothing"}};
constexpr Example kSettingsShowExamples[] = {
    {"chancery settings show", "every setting: value, where it comes from, what it is for"},
    {"chancery settings show portal", "the portal's alone, and whether it runs with them"}};
constexpr Example kSettingsSetExamples[] = {
    {"chancery settings set portal mail.from=us@example.com mail.to=ops@example.com",
     "several that belong together, in one change"},
    {"chancery settings set portal alerts.webhook=@/root/webhook",
     "an address with a token in it: from a file, never on the command line"},
    {"chancery settings set portal alerts.quiet=22:00-06:30 --dry-run", "what would be written"},
    {"chancery settings set console session-idle=", "back to the default"}};

constexpr Command kSettingsCommands[] = {
    {.path = "settings show",
     .doing = "show the settings",
     .summary = "settings of the appliance's processes",
     .description =
         "Every setting with its value, where that comes from (a line of STATE/settings/PROGRAM.toml, an environment "
         "variable of the running program, or the default) and what it is for. Says where a program still runs with "
         "others, and what is wrong in a file. Secrets stand in files that settings only name.",
     .positionals = kShowPositionals,
     .options = {},
     .examples = kSettingsShowExamples,
     .run = run_settings_show},
    {.path = "settings set",
     .doing = "set the settings",
     .summary = "change settings of one process",
     .description =
         "Written through the same transaction as everything else: read back as the program would read it, with a "
         "backup set of what stood there, and an audit record. What the program would refuse is refused here, and "
         "nothing is changed. Comments and other settings stay as they are. What begins with @ names the file that "
         "holds the value, as one line: a secret belongs there and not on the command line. A running program takes "
         "its settings up at once; where one counts only after a restart (storage, discovery, the time zone), that is "
         "said.",
     .positionals = kSettingPositionals,
     .options = kSettingOptions,
     .examples = kSettingsSetExamples,
     .run = run_settings_set},
};

}  // namespace

std::span<const Command> settings_commands() { return kSettingsCommands; }

}  // namespace chancery::cli
