// chancery rule …: which engine a collector that asks the portal belongs to.
#include <nlohmann/json.hpp>

#include "appliance/cli/command.h"
#include "appliance/cli/outcome_view.h"
#include "appliance/cli/table.h"

namespace chancery::cli {

using Json = nlohmann::json;

namespace {

constexpr std::size_t kShownDigits = 16;
constexpr std::string_view kConditions[] = {"host", "address", "system", "tag"};

// KEY=VALUE words and the options of the same names.
Json settings_of(Session& session) {
  const Arguments& arguments = session.arguments();
  Json settings = Json::object();
  for (const std::string& word : arguments.values("KEY=VALUE")) {
    const auto [key, value] = key_value(word, "for example: tag=shop engines=engine1.example.com");
    settings[key] = value;
  }
  for (const std::string_view name : {"--order", "--fall-through"}) {
    if (arguments.has(name)) settings[std::string(name.substr(2))] = arguments.value(name);
  }
  for (const std::string_view name : {"--host", "--address", "--system", "--tag"}) {
    if (arguments.has(name)) settings[std::string(name.substr(2))] = arguments.values(name);
  }
  if (arguments.has("--engine")) settings["engines"] = arguments.values("--engine");
  return settings;
}

std::string joined(const Json& list) {
  std::string text;
  for (const Json& each : list) text += (text.empty() ? "" : ", ") + (each.is_string() ? each.get<std::string>() : "");
  return text;
}

std::string conditions_of(const Json& rule) {
  std::string text;
  for (const std::string_view key : kConditions) {
    const std::string values = joined(rule.value(std::string(key), Json::array()));
    if (!values.empty()) text += (text.empty() ? "" : "; ") + std::string(key) + " " + values;
  }
  return text.empty() ? "everybody" : text;
}

int run_set(Session& session) {
  const std::string name = session.arguments().value("NAME");
  const Json settings = settings_of(session);
  if (settings.empty()) {
    throw usage("nothing to set for " + name,
                "for example: chancery rule set shops --tag shop --engine engine1.example.com");
  }
  Ask ask("rule-set");
  ask.put_text("name", name).put("settings", settings).put_flag("dry_run", session.arguments().has("--dry-run"));
  return show_outcome(session, session.ask(std::move(ask)),
                      "rule " + name + " is in force for whoever asks the portal from now on");
}

int run_delete(Session& session) {
  const std::string name = session.arguments().value("NAME");
  Ask ask("rule-delete");
  ask.put_text("name", name).put_flag("dry_run", session.arguments().has("--dry-run"));
  return show_outcome(session, session.ask(std::move(ask)), "rule " + name + " is deleted");
}

int run_show(Session& session) {
  Ask ask("rule-show");
  ask.put_text("name", session.arguments().value("NAME"));
  const Json rule = session.ask(std::move(ask));
  if (session.json()) {
    session.terminal().document(rule);
    return 0;
  }
  Sheet sheet;
  sheet.add("name", text_at(rule, "name"));
  sheet.add("order", text_at(rule, "order"));
  for (const std::string_view key : kConditions) {
    const std::string values = joined(rule.value(std::string(key), Json::array()));
    if (!values.empty()) sheet.add(std::string(key), values);
  }
  sheet.add("engines", joined(rule.value("engines", Json::array())));
  sheet.add("when none is reached", rule.value("fall-through", false) ? "on to the next rule" : "it waits");
  sheet.print(session.terminal());
  return 0;
}

void print_rules(Terminal& terminal, const Json& rules) {
  Table table({{.title = "ORDER"},
               {.title = "NAME"},
               {.title = "WHO", .may_shrink = true},
               {.title = "ENGINES", .may_shrink = true},
               {.title = "ELSE"}});
  for (const Json& rule : rules) {
    table.add({text_at(rule, "order"), text_at(rule, "name"), conditions_of(rule),
               joined(rule.value("engines", Json::array())),
               rule.value("fall-through", false) ? "next rule" : "waits"});
  }
  if (table.is_empty()) {
    terminal.note("no rules: whoever asks is sent to the first engine, by name, that the portal reaches");
  } else {
    table.print(terminal);
  }
}

int run_list(Session& session) {
  const Json reply = session.ask(Ask("rule-list"));
  if (session.json()) {
    session.terminal().document(reply);
  } else {
    print_rules(session.terminal(), reply.value("rules", Json::array()));
  }
  return 0;
}

std::string goes_to(const Json& choice) {
  const std::string engine = text_at(choice, "engine");
  return engine.empty() ? "waits: " + text_at(choice, "problem") : engine;
}

int run_preview(Session& session) {
  const Arguments& arguments = session.arguments();
  const Json settings = settings_of(session);
  Ask ask("rule-preview");
  ask.put_text("name", arguments.value("NAME")).put_flag("delete", arguments.has("--delete"));
  if (!settings.empty()) ask.put("settings", settings);
  const Json reply = session.ask(std::move(ask));
  Terminal& terminal = session.terminal();
  if (session.json()) {
    terminal.document(reply);
    return 0;
  }
  print_rules(terminal, reply.value("rules", Json::array()));
  terminal.line();
  Table table({{.title = "COLLECTOR"},
               {.title = "HOST", .may_shrink = true},
               {.title = "NOW", .may_shrink = true},
               {.title = "THEN", .may_shrink = true},
               {.title = "BY RULE"}});
  for (const Json& each : reply.value("collectors", Json::array())) {
    const Json then = each.value("then", Json::object());
    const std::string rule = text_at(then, "rule");
    table.add({text_at(each, "id").substr(0, kShownDigits), text_at(each, "host"),
               goes_to(each.value("now", Json::object())),
               each.value("changes", false) ? Text(painted(Colour::yellow, goes_to(then))) : Text(goes_to(then)),
               rule.empty() ? "-" : rule});
  }
  if (table.is_empty()) {
    terminal.note("no collector has asked this portal yet");
  } else {
    table.print(terminal);
    terminal.note(text_at(reply, "changes") + " would go elsewhere than now, when they ask the next time");
  }
  return 0;
}

constexpr Positional kName[] = {{.name = "NAME", .help = "as `list` shows it"}};
constexpr Positional kSetPositionals[] = {
    {.name = "NAME", .help = "lower-case letters, digits and dashes"},
    {.name = "KEY=VALUE", .help = "settings, as an alternative to the options", .required = false, .repeated = true}};
constexpr Positional kPreviewPositionals[] = {
    {.name = "NAME", .help = "a rule that is thought to be other than it is", .required = false},
    {.name = "KEY=VALUE", .help = "how it would be", .required = false, .repeated = true}};
constexpr Option kDryRun{.name = "--dry-run", .value = "", .help = "print the plan; change nothing"};
constexpr Option kOrder{.name = "--order", .value = "N", .help = "lower ones are asked first (100)"};
constexpr Option kHost{.name = "--host", .value = "PATTERN", .help = "host names, * and ? known", .repeated = true};
constexpr Option kAddress{
    .name = "--address", .value = "RANGE", .help = "10.1.0.0/16, fd00::/8 or one address", .repeated = true};
constexpr Option kSystem{
    .name = "--system", .value = "PATTERN", .help = "operating systems: \"*Debian*\"", .repeated = true};
constexpr Option kTag{
    .name = "--tag", .value = "PATTERN", .help = "tags of the collector's settings", .repeated = true};
constexpr Option kEngine{
    .name = "--engine", .value = "NAME", .help = "a member; several are tried in order", .repeated = true};
constexpr Option kFallThrough{.name = "--fall-through",
                              .value = "BOOL",
                              .help = "on to the next rule while none of its engines is reached",
                              .kind = "true|false"};
constexpr Option kSetOptions[] = {kOrder, kHost, kAddress, kSystem, kTag, kEngine, kFallThrough, kDryRun};
constexpr Option kDeleteOptions[] = {kDryRun};
constexpr Option kPreviewOptions[] = {
    kOrder, kHost,   kAddress,     kSystem,
    kTag,   kEngine, kFallThrough, {.name = "--delete", .value = "", .help = "as if the rule NAME were deleted"}};
constexpr Example kSetExamples[] = {
    {"chancery rule set shops --order 10 --tag shop --engine engine1.example.com --engine engine2.example.com",
     "shops go to engine1, and to engine2 while that is away"},
    {"chancery rule set rest --order 900 --engine engine3.example.com", "a default: no conditions"},
    {"chancery rule set berlin --address 10.1.0.0/16 --engine berlin.example.com --fall-through true", "by address"}};
constexpr Example kShowExamples[] = {{"chancery rule show shops", "all its settings"}};
constexpr Example kListExamples[] = {{"chancery rule list", "in the order in which they are asked"}};
constexpr Example kDeleteExamples[] = {{"chancery rule delete shops", "its collectors go by the next rule that fits"}};
constexpr Example kPreviewExamples[] = {
    {"chancery rule preview", "which collector goes where by the rules in force"},
    {"chancery rule preview shops --engine engine2.example.com", "and where, if that rule were changed so"}};

constexpr Command kRuleCommands[] = {
    {.path = "rule set",
     .doing = "set the rule",
     .summary = "make or change an assignment rule",
     .description =
         "On the primary. A collector that asks the portal is sent to an engine of the first rule whose conditions all "
         "hold; what is not mentioned stays as it is, a condition set to nothing goes (host=). Collectors that are "
         "connected stay where they are until they ask again.",
     .positionals = kSetPositionals,
     .options = kSetOptions,
     .examples = kSetExamples,
     .run = run_set},
    {.path = "rule show",
     .doing = "show the rule",
     .summary = "one assignment rule",
     .description = "All settings.",
     .positionals = kName,
     .options = {},
     .examples = kShowExamples,
     .run = run_show},
    {.path = "rule list",
     .doing = "list rules",
     .summary = "which collectors go to which engine",
     .description = "On the primary.",
     .positionals = {},
     .options = {},
     .examples = kListExamples,
     .run = run_list},
    {.path = "rule delete",
     .doing = "delete the rule",
     .summary = "remove an assignment rule",
     .description = "On the primary.",
     .positionals = kName,
     .options = kDeleteOptions,
     .examples = kDeleteExamples,
     .run = run_delete},
    {.path = "rule preview",
     .doing = "preview the rules",
     .summary = "which collector would go where",
     .description = "On the primary, with every collector that has asked its portal and the engines that are reached "
                    "now. With NAME "
                    "and settings as if that rule were so. Changes nothing.",
     .positionals = kPreviewPositionals,
     .options = kPreviewOptions,
     .examples = kPreviewExamples,
     .run = run_preview},
};

}  // namespace

std::span<const Command> rule_commands() { return kRuleCommands; }

}  // namespace chancery::cli
