// chancery collector installer: the zip that brings the collector to endpoints.
#include <nlohmann/json.hpp>

#include "appliance/cli/command.h"
#include "appliance/cli/new_file.h"
#include "appliance/cli/outcome_view.h"
#include "appliance/cli/report_view.h"
#include "appliance/cli/session.h"

namespace chancery::cli {

using Json = nlohmann::json;

namespace {

std::string trust_choice(const Arguments& arguments) {
  const bool with_root = arguments.has("--with-root");
  if (with_root && arguments.has("--os-trust")) {
    throw usage("--with-root and --os-trust contradict each other",
                "with --with-root collectors trust the root alone, with --os-trust their machine's store");
  }
  return with_root ? "with-root" : arguments.has("--os-trust") ? "os-trust" : "";
}

void say_what(Session& session, const Json& reply) {
  Terminal& terminal = session.terminal();
  const Json servers = reply.value("servers", Json::array());
  std::string where;
  for (const Json& each : servers) where += (where.empty() ? "" : ", ") + each.get<std::string>();
  if (where.empty()) where = "the engine that the portal " + text_at(reply, "portal") + " names";
  const bool pins = text_at(reply, "trust") == "with-root";
  terminal.line("  connects to " + where);
  terminal.line(pins ? "  trusts the root in it, and nothing else" : "  trusts what its machine's trust store trusts");
}

int run_installer(Session& session) {
  const Arguments& arguments = session.arguments();
  const bool is_dry = arguments.has("--dry-run");
  const std::string output = arguments.value("--output");
  Ask ask("collector-installer");
  ask.put_text("trust", trust_choice(arguments))
      .put_text("portal", arguments.value("--portal"))
      .put_texts("engines", arguments.values("--engine"))
      .put_texts("tags", arguments.values("--tag"))
      .put_flag("dry_run", is_dry);
  if (arguments.has("--root")) ask.add_file("files", "root", read_source(arguments.value("--root")));
  if (arguments.has("--collector")) ask.put_file("collector", read_source(arguments.value("--collector")));
  std::optional<NewFile> file;
  if (!is_dry) file.emplace(output);
  std::vector<SecretBytes> attachments;
  const Json reply = session.ask(std::move(ask), &attachments);
  if (text_at(reply, "outcome") != "done" || attachments.empty()) return show_outcome(session, reply, "");
  file->keep(view_of(attachments.front()));
  if (session.json()) {
    session.terminal().document(reply);
    return 0;
  }
  const int code = show_outcome(session, reply, "the installer is in " + output);
  if (!session.terminal().quiet()) {
    say_what(session, reply);
    session.terminal().hint("it holds the Customer Key: bring it to endpoints as you would a password, then delete it");
  }
  return code;
}

constexpr Option kOptions[] = {
    {.name = "--output", .value = "F.zip", .help = "a new file for it (0600)", .kind = "file", .required = true},
    {.name = "--with-root", .value = "", .help = "collectors trust the root in it and nothing else"},
    {.name = "--os-trust", .value = "", .help = "collectors trust what their machine's trust store trusts"},
    {.name = "--root",
     .value = "FILE",
     .help = "this root instead of the federation's: of certificates of your own",
     .kind = "file"},
    {.name = "--engine",
     .value = "HOST:PORT",
     .help = "where collectors connect, tried in order; without it the portal names their engine",
     .repeated = true},
    {.name = "--portal", .value = "HOST:PORT", .help = "the portal by another name than this appliance's"},
    {.name = "--tag", .value = "WORD", .help = "what assignment rules can ask for", .repeated = true},
    {.name = "--collector",
     .value = "FILE",
     .help = "the collector's program for another kind of machine",
     .kind = "file"},
    {.name = "--dry-run", .value = "", .help = "what would be in it; write nothing"}};
constexpr Example kExamples[] = {
    {"chancery collector installer --output collector.zip",
     "for the portal of this primary; the root is in it while ad-hoc certificates serve"},
    {"chancery collector installer --output berlin.zip --engine engine1.example.com:443 --engine "
     "engine2.example.com:443 --os-trust",
     "two engines with failover, trust from each machine's own store"}};

constexpr Command kCollectorInstallerCommands[] = {
    {.path = "collector installer",
     .doing = "make the installer",
     .summary = "a zip that installs the collector on endpoints",
     .description =
         "On the primary. Program, settings, Customer Key, public repair key, install script and systemd unit; scripts "
         "that bring the root to the trust stores of Linux, Windows and macOS. What is served is asked first: a root "
         "that does not fit it is refused, one that is left out and needed is a warning. Without --with-root and "
         "--os-trust the root is in it where what is served is under it.",
     .positionals = {},
     .options = kOptions,
     .examples = kExamples,
     .run = run_installer},
};

}  // namespace

std::span<const Command> installer_commands() { return kCollectorInstallerCommands; }

}  // namespace chancery::cli
