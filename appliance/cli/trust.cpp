// chancery trust …: whom the engine (or the portal) trusts as a client.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "appliance/cli/command.h"
#include "appliance/cli/human_time.h"
#include "appliance/cli/outcome_view.h"
#include "appliance/cli/report_view.h"
#include "appliance/cli/table.h"

namespace chancery::cli {

using Json = nlohmann::json;

namespace {

Json listed(Session& session) {
  Ask ask("trust-list");
  ask.put_text("store", session.arguments().value("--store", "engine"));
  return session.ask(std::move(ask));
}

int run_list(Session& session) {
  const Json reply = listed(session);
  Terminal& terminal = session.terminal();
  if (session.json()) {
    terminal.document(reply);
    return 0;
  }
  const bool all = session.arguments().has("--all");
  Table table(
      {{.title = "FINGERPRINT"}, {.title = "SUBJECT", .may_shrink = true}, {.title = "ENDS"}, {.title = "FROM"}});
  std::size_t hidden = 0;
  for (const Json& each : reply.value("certificates", Json::array())) {
    const std::string source = text_at(each, "source");
    if (!all && source == "operating-system") {
      ++hidden;
      continue;
    }
    table.add({text_at(each, "sha256").substr(0, 16), text_at(each, "subject"),
               ending(text_at(each, "not_after"), session.now()), source == "operating-system" ? "system" : source});
  }
  if (!table.is_empty()) table.print(terminal);
  if (hidden > 0) {
    terminal.note("and " + std::to_string(hidden) + " public CAs of the operating system (--all shows them)");
  }
  return 0;
}

void print_certificates(Terminal& terminal, const Json& list, const Text& label) {
  for (const Json& each : list) {
    Text line("  ");
    line << label << "  " << text_at(each, "sha256").substr(0, 16) << "  " << text_at(each, "subject");
    terminal.line(line);
  }
}

int run_append(Session& session) {
  const Arguments& arguments = session.arguments();
  const std::string store = arguments.value("--store", "engine");
  Ask ask("trust-append");
  for (const std::string& path : arguments.values("FILE")) ask.add_file("files", read_source(path));
  ask.put_text("store", store).put_flag("dry_run", arguments.has("--dry-run"));
  const Json reply = session.ask(std::move(ask));
  const int exit = show_outcome(session, reply, "the " + store + " trusts more now");
  Terminal& terminal = session.terminal();
  if (exit != 0 || session.json() || terminal.quiet()) return exit;
  print_certificates(terminal, reply.value("added", Json::array()), painted(Colour::green, "added        "));
  print_certificates(terminal, reply.value("present", Json::array()), painted(Colour::dim, "there already"));
  return exit;
}

// A whole fingerprint, or a beginning of one that only one certificate has.
std::string whole_fingerprint(Session& session) {
  std::string text = session.arguments().value("FINGERPRINT");
  std::erase(text, ':');
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char byte) { return std::tolower(byte); });
  constexpr std::size_t kWhole = 64;
  constexpr std::size_t kShortest = 8;
  if (text.size() >= kWhole || text.size() < kShortest) return text;
  std::vector<std::string> matches;
  for (const Json& each : listed(session).value("certificates", Json::array())) {
    if (text_at(each, "sha256").starts_with(text)) matches.push_back(text_at(each, "sha256"));
  }
  if (matches.size() < 2) return matches.empty() ? text : matches.front();
  throw Failure({.code = "ambiguous",
                 .subject = text,
                 .cause = std::to_string(matches.size()) + " certificates have a fingerprint that begins so",
                 .hint = "give more of it: `chancery trust list --all --json` shows them whole"});
}

int run_remove(Session& session) {
  const std::string store = session.arguments().value("--store", "engine");
  Ask ask("trust-remove");
  ask.put_text("fingerprint", whole_fingerprint(session))
      .put_text("store", store)
      .put_flag("dry_run", session.arguments().has("--dry-run"));
  return show_outcome(session, session.ask(std::move(ask)),
                      "the " + store + " does not trust that certificate any more");
}

constexpr Option kStore{
    .name = "--store", .value = "STORE", .help = "whose trust: engine where nothing is said", .kind = "engine|portal"};
constexpr Option kDryRun{
    .name = "--dry-run", .value = "", .help = "print the plan (files, endpoints, findings); change nothing"};
constexpr Option kListOptions[] = {kStore,
                                   {.name = "--all", .value = "", .help = "the operating system's public CAs too"}};
constexpr Example kListExamples[] = {{"chancery trust list", "what was added, and the federation's root"}};
constexpr Positional kFiles[] = {{.name = "FILE",
                                  .help = "CA certificates in any format, bundles too (- is stdin)",
                                  .kind = "file",
                                  .repeated = true}};
constexpr Option kChangeOptions[] = {kStore, kDryRun};
constexpr Example kAppendExamples[] = {
    {"chancery trust append root.crt", "the engine's next outgoing connection trusts it"},
    {"chancery trust append bundle.pem --store portal --dry-run", "what the portal would get"}};
constexpr Positional kFingerprint[] = {
    {.name = "FINGERPRINT", .help = "SHA-256 of the certificate, or its first 8 digits and more"}};
constexpr Example kRemoveExamples[] = {
    {"chancery trust remove 5f3c0a9be4d17722", "the one that `trust list` shows so"}};

constexpr Command kCommands[] = {
    {.path = "trust list",
     .doing = "list the trusted certificates",
     .summary = "whom engine or portal trust as clients",
     .description = "The engine uses this for the heartbeat to the portal and all its outgoing connections, the portal "
                    "for its connections to engines.",
     .positionals = {},
     .options = kListOptions,
     .examples = kListExamples,
     .run = run_list},
    {.path = "trust append",
     .doing = "append to the trusted certificates",
     .summary = "trust more certificates",
     .description =
         "Adds every CA certificate of the files; what is there stays. Keys, garbage and certificates that are "
         "no CA are refused, and then nothing is added.",
     .positionals = kFiles,
     .options = kChangeOptions,
     .examples = kAppendExamples,
     .run = run_append},
    {.path = "trust remove",
     .doing = "remove the trusted certificate",
     .summary = "trust a certificate no more",
     .description = "The federation's own root stays.",
     .positionals = kFingerprint,
     .options = kChangeOptions,
     .examples = kRemoveExamples,
     .run = run_remove},
};

}  // namespace

std::span<const Command> trust_commands() { return kCommands; }

}  // namespace chancery::cli
