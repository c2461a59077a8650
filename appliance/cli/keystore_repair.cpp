// chancery keystore repair: what Chancery had imported into stores of others is put back.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "appliance/cli/command.h"
#include "appliance/cli/outcome_view.h"
#include "appliance/cli/secret_input.h"

namespace chancery::cli {

using Json = nlohmann::json;

namespace {

int run_repair(Session& session) {
  const Arguments& arguments = session.arguments();
  Ask ask("keystore-repair");
  if (arguments.has("--keystore")) {
    ask.put_text("store", std::filesystem::absolute(arguments.value("--keystore")).lexically_normal().string());
  }
  if (auto password = given_secret(arguments, "--storepass")) ask.put_secret("storepass", std::move(*password));
  ask.put_flag("dry_run", arguments.has("--dry-run"));
  const Json reply = session.ask(std::move(ask));
  const Json restored = reply.value("restored", Json::array());
  const Json skipped = reply.value("skipped", Json::array());
  const int exit = show_outcome(session, reply, "what was imported is back in its stores");
  Terminal& terminal = session.terminal();
  if (!session.json() && !terminal.quiet()) {
    for (const Json& each : restored) {
      Text line("  ");
      line << painted(Colour::green, "put back") << "  " << text_at(each, "sha256").substr(0, 16) << "  "
           << text_at(each, "store") << "  " << text_at(each, "alias");
      terminal.line(line);
    }
    for (const Json& each : skipped) {
      terminal.note("left out: " + text_at(each, "store") + ": " + text_at(each, "reason"));
      terminal.note("hint: " + text_at(each, "hint"));
    }
  }
  return exit == 0 && !skipped.empty() ? 1 : exit;
}

constexpr Option kOptions[] = {
    {.name = "--keystore", .value = "FILE", .help = "only this store; without it all that are managed", .kind = "file"},
    {.name = "--storepass-file",
     .value = "FILE",
     .help = "the store's password, where it is not changeit (- is stdin)",
     .kind = "file"},
    {.name = "--storepass-env", .value = "VARIABLE", .help = "the same from an environment variable"},
    {.name = "--dry-run", .value = "", .help = "print the plan (files, findings); change nothing"},
};
constexpr Example kExamples[] = {
    {"chancery keystore repair", "after an update of Java or of the operating system wiped what was imported"}};

constexpr Command kKeystoreRepairCommands[] = {
    {.path = "keystore repair",
     .doing = "repair keystores",
     .summary = "put back what was imported and an update wiped",
     .description =
         "Certificates that Chancery imported into a Java installation's store or the operating system's trust "
         "are remembered. Where one is gone (chancery doctor calls it drift), it is imported again under its "
         "alias, by the one transaction.",
     .positionals = {},
     .options = kOptions,
     .examples = kExamples,
     .run = run_repair},
};

}  // namespace

std::span<const Command> keystore_repair_commands() { return kKeystoreRepairCommands; }

}  // namespace chancery::cli
