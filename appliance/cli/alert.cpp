// chancery alert test: a row of the command table.
#include <nlohmann/json.hpp>

#include "appliance/cli/command.h"
#include "appliance/cli/session.h"
#include "appliance/control/message.h"

namespace chancery::cli {

using Json = nlohmann::json;

namespace {

// Longer than the portal gives its mail server.
constexpr std::chrono::seconds kPatience{30};

int run_alert_test(Session& session) {
  // The portal itself sends it: with its settings, its trust and its user's rights, as it would a warning.
  const control::Message reply = control::ask(session.state() + "/run/portal/control.sock",
                                              {.json = R"({"verb":"alert-test"})", .attachments = {}}, kPatience);
  Json document = Json::parse(reply.json);
  document.erase("ok");
  if (session.json()) {
    session.terminal().document(document);
    return 0;
  }
  std::string to;
  for (const Json& recipient : document.value("to", Json::array())) {
    to += (to.empty() ? "" : ", ") + recipient.get<std::string>();
  }
  session.terminal().line("done: " + text_at(document, "server") + " took a mail for " + to);
  return 0;
}

constexpr Example kTestExamples[] = {{"chancery alert test", "does mail arrive before it is needed?"}};

constexpr Command kCommands[] = {
    {.path = "alert test",
     .doing = "send a mail",
     .summary = "have the portal send a mail, as it would a warning",
     .description =
         "The running portal sends one to mail.to by mail.server (settings/portal.toml: mail.server, mail.security "
         "starttls or tls, mail.from, mail.to, mail.user, mail.password-file, mail.warn-days). It verifies the "
         "server's "
         "certificate by its own trust (chancery trust list --store portal), always. By itself it warns of "
         "certificates "
         "that end in 30, 14, 7 and 1 days: its own, and what the engines serve.",
     .positionals = {},
     .options = {},
     .examples = kTestExamples,
     .run = run_alert_test},
};

}  // namespace

std::span<const Command> alert_commands() { return kCommands; }

}  // namespace chancery::cli
