// chancery alert list, alert test: rows of the command table.
#include <nlohmann/json.hpp>

#include "appliance/cli/command.h"
#include "appliance/cli/human_time.h"
#include "appliance/cli/session.h"
#include "appliance/cli/table.h"

namespace chancery::cli {

using Json = nlohmann::json;

namespace {

int run_alert_test(Session& session) {
  Ask ask("alert-test");
  ask.put_text("channel", session.arguments().value("--channel", ""));
  Json reply = session.ask(std::move(ask));
  int code = 0;
  for (const Json& one : reply.at("channels")) {
    if (one.value("ok", false)) continue;
    if (code == 0) reply["error"] = one.at("error");
    code = 1;
  }
  Terminal& terminal = session.terminal();
  if (session.json()) {
    terminal.document(reply);
    return code;
  }
  for (const Json& one : reply.at("channels")) {
    const std::string channel = text_at(one, "channel");
    if (one.value("ok", false)) {
      terminal.line("done: " + channel + " was taken for " + text_at(one, "to"));
      continue;
    }
    terminal.line("failed: " + channel + " for " + text_at(one, "to") + ": " + text_at(one.at("error"), "message"));
    terminal.hint(text_at(one.at("error"), "hint"));
  }
  return code;
}

std::string told_of(const Json& alert, Instant now) {
  std::string text;
  for (const Json& each : alert.value("told", Json::array())) {
    text += (text.empty() ? "" : ", ") + text_at(each, "channel") + " " + relative(text_at(each, "at"), now);
  }
  return text.empty() ? "nobody yet" : text;
}

void show_channels(Session& session, const Json& reply) {
  Terminal& terminal = session.terminal();
  const Json channels = reply.value("channels", Json::array());
  if (channels.empty()) {
    terminal.hint("neither mail.server nor alerts.webhook is set in settings/portal.toml: nobody is told");
  }
  for (const Json& each : channels) {
    if (!each.contains("error")) continue;
    terminal.hint(text_at(each, "channel") + " does not get through (" + text_at(each.at("error"), "message") +
                  "): " + text_at(each.at("error"), "hint"));
  }
  if (reply.value("quiet", false)) terminal.hint("it is a quiet hour: what is not urgent is told when it ends");
}

int run_alert_list(Session& session) {
  const Json reply = session.ask(Ask("alert-list"));
  Terminal& terminal = session.terminal();
  if (session.json()) {
    terminal.document(reply);
    return 0;
  }
  Table table({{.title = "SINCE"},
               {.title = "WHAT"},
               {.title = "WHERE", .may_shrink = true},
               {.title = "TOLD", .may_shrink = true},
               {.title = "MESSAGE", .may_shrink = true}});
  for (const Json& each : reply.at("alerts")) {
    table.add({relative(text_at(each, "since"), session.now()), text_at(each, "kind"), text_at(each, "subject"),
               told_of(each, session.now()), text_at(each, "message")});
  }
  if (table.is_empty()) {
    terminal.line("nothing is wrong in the federation, as far as this portal knows");
  } else {
    table.print(terminal);
  }
  show_channels(session, reply);
  return 0;
}

constexpr Option kTestOptions[] = {
    {.name = "--channel", .value = "CHANNEL", .help = "only this one", .kind = "mail|webhook"}};
constexpr Example kTestExamples[] = {
    {"chancery alert test", "does an alert arrive before it is needed?"},
    {"chancery alert test --channel webhook", "one channel only; exit 1 where it was not taken"}};
constexpr Example kListExamples[] = {{"chancery alert list", "what is wrong at present, and who was told of it"}};

constexpr Command kCommands[] = {
    {.path = "alert list",
     .doing = "list alerts",
     .summary = "what is wrong in the federation, and who was told",
     .description =
         "On the primary (or a single appliance), whose portal watches all: certificates that end (mail.warn-days "
         "before), files edited by hand, endpoints that do not serve what is installed, members that are silent "
         "(alerts.member-missing, 15m). Each is told once over every channel that is set in settings/portal.toml, mail "
         "(mail.server) and webhook (alerts.webhook), and once more when it is resolved. What is not urgent waits in "
         "quiet hours (alerts.quiet).",
     .positionals = {},
     .options = {},
     .examples = kListExamples,
     .run = run_alert_list},
    {.path = "alert test",
     .doing = "send a test alert",
     .summary = "have the portal send a test by mail and webhook",
     .description =
         "The running portal sends one message over each channel that is set, or over the named one, as it would an "
         "alert: mail to mail.to by mail.server, a POST to alerts.webhook. It verifies the server's certificate by "
         "its own trust (chancery trust list --store portal), always. Says for each channel whether it was taken.",
     .positionals = {},
     .options = kTestOptions,
     .examples = kTestExamples,
     .run = run_alert_test},
};

}  // namespace

std::span<const Command> alert_commands() { return kCommands; }

}  // namespace chancery::cli
