// chancery collector move | repair | install-trust | reset: rows of the command table. On an appliance the certificate
// manager is asked; on an endpoint chancery-collector itself does it, because only that knows its state.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "appliance/cli/command.h"
#include "appliance/cli/new_file.h"
#include "appliance/cli/outcome_view.h"
#include "appliance/cli/session.h"
#include "appliance/cli/table.h"
#include "appliance/settings/own_folder.h"
#include "appliance/settings/policy.h"
#include "appliance/tls/descriptor.h"

extern char** environ;

namespace chancery::cli {

using Json = nlohmann::json;
namespace fs = std::filesystem;

namespace {

constexpr const char* kUsualState = "/var/lib/chancery-collector";

bool is_collector(const std::string& state) {
  std::error_code ignored;
  return fs::exists(state + "/settings/collector.toml", ignored) || fs::exists(state + "/collector.key", ignored);
}

// The state of the collector on this endpoint: as --state says, else where the installer puts it.
std::string endpoint_state(const Session& session) {
  if (!session.is_initialised() && is_collector(session.state())) return session.state();
  if (is_collector(kUsualState)) return kUsualState;
  throw Failure({.code = "no-collector",
                 .subject = session.state(),
                 .cause = "there is no collector's state here",
                 .hint = "run this on the endpoint, with its state: chancery --state /var/lib/chancery-collector "
                         "collector …"});
}

// Standard output of the program to its end; what it says on standard error goes where ours goes.
std::string output_of(const std::vector<std::string>& words) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw system_failure(errno, "make", "a pipe");
  const tls::Descriptor in(ends[0]);
  tls::Descriptor out(ends[1]);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, out.get(), STDOUT_FILENO);
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  pid_t child = -1;
  const int error = ::posix_spawn(&child, words.front().c_str(), &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    throw Failure({.code = "no-collector",
                   .subject = words.front(),
                   .cause = std::string("the collector's program cannot be run: ") + std::strerror(error),
                   .hint = "install it beside this program, or run it itself: chancery-collector --state DIR …"});
  }
  out.reset(-1);
  std::string text;
  std::array<char, 4096> buffer{};
  while (true) {
    const auto got = ::read(in.get(), buffer.data(), buffer.size());
    if (got > 0) text.append(buffer.data(), static_cast<std::size_t>(got));
    if (got == 0 || (got < 0 && errno != EINTR)) break;
  }
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return text;
}

[[noreturn]] void throw_error(const Json& error) {
  throw Failure({.code = text_at(error, "code"),
                 .subject = text_at(error, "subject"),
                 .cause = text_at(error, "cause").empty() ? text_at(error, "message") : text_at(error, "cause"),
                 .hint = text_at(error, "hint")});
}

int on_endpoint(Session& session, std::vector<std::string> verb, const std::string& done) {
  std::vector<std::string> words{own_folder() + "/chancery-collector", "--state", endpoint_state(session)};
  words.insert(words.end(), verb.begin(), verb.end());
  words.emplace_back("--json");
  if (session.arguments().has("--dry-run")) words.emplace_back("--dry-run");
  const Json reply = Json::parse(output_of(words), nullptr, /*allow_exceptions=*/false);
  if (!reply.is_object()) {
    throw Failure({.code = "reply-invalid",
                   .subject = words.front(),
                   .cause = "it did not answer as it should",
                   .hint = "are `chancery` and `chancery-collector` of the same version?"});
  }
  if (reply.contains("error")) throw_error(reply.at("error"));
  Terminal& terminal = session.terminal();
  if (session.json()) {
    terminal.document(reply);
    return 0;
  }
  const std::string outcome = text_at(reply, "outcome");
  if (outcome == "planned") terminal.line("planned: nothing was changed (--dry-run)");
  if (outcome != "planned" && !terminal.quiet()) {
    terminal.line(outcome == "unchanged" ? std::string("unchanged: it is so already") : "done: " + done);
  }
  if (outcome == "planned" || !terminal.quiet()) terminal.line("  " + text_at(reply, "trust"));
  return 0;
}

void put_address(Ask& ask, const std::string& text) {
  const ProbeAddress address = parse_address(text);
  ask.put_text("host", address.host).put("port", address.port);
}

void print_anchors(Terminal& terminal, const Json& reply) {
  Table table({{.title = "UNDER (SHA-256)"}, {.title = "SUBJECT", .may_shrink = true}});
  for (const Json& each : reply.value("anchors", Json::array())) {
    table.add({text_at(each, "sha256").substr(0, 16), text_at(each, "subject")});
  }
  if (!table.is_empty()) table.print(terminal);
}

int show_told(Session& session, const Json& reply, const std::string& then) {
  Terminal& terminal = session.terminal();
  if (session.json()) {
    terminal.document(reply);
    return 0;
  }
  const std::string outcome = text_at(reply, "outcome");
  const std::string count = std::to_string(reply.value("told", std::size_t{0}));
  if (outcome == "planned") {
    terminal.line("planned: nothing was changed (--dry-run)");
    terminal.line(count + " connected collectors would be told");
  } else if (!terminal.quiet()) {
    terminal.line(outcome == "unchanged" ? std::string("unchanged: no such collector is connected")
                                         : "done: " + count + " collectors are told; " + then);
  }
  if (outcome == "planned" || !terminal.quiet()) print_anchors(terminal, reply);
  for (const Json& each : reply.value("absent", Json::array())) {
    terminal.note("not connected: " + each.get<std::string>());
  }
  return 0;
}

int run_move(Session& session) {
  const Arguments& arguments = session.arguments();
  const std::string address = arguments.value("HOST:PORT");
  if (!session.is_initialised()) {
    std::vector<std::string> verb{"move", address};
    for (const char* option : {"--name", "--ca"}) {
      if (arguments.has(option)) verb.insert(verb.end(), {option, arguments.value(option)});
    }
    return on_endpoint(session, std::move(verb), "it stays where it is until the new server has proven itself");
  }
  Ask ask("collector-move");
  put_address(ask, address);
  ask.put_text("name", arguments.value("--name")).put_texts("only", arguments.values("--only"));
  ask.put_flag("dry_run", arguments.has("--dry-run"));
  for (const std::string& path : arguments.values("--ca")) ask.add_file("files", read_source(path));
  return show_told(session, session.ask(std::move(ask)), "each stays until the new server has proven itself to it");
}

int run_install_trust(Session& session) {
  if (session.is_initialised()) {
    Ask ask("collector-install-trust");
    ask.put_texts("only", session.arguments().values("--only"))
        .put_flag("dry_run", session.arguments().has("--dry-run"));
    ask.add_file("files", read_source(session.arguments().value("FILE")));
    return show_told(session, session.ask(std::move(ask)), "what they trust now goes on counting");
  }
  return on_endpoint(session, {"install-trust", session.arguments().value("FILE")},
                     "it is tried now; what worked before goes on until then");
}

int run_reset(Session& session) {
  return on_endpoint(session, {"reset"}, "it trusts what it was shipped with, and nothing that came later");
}

int run_repair_apply(Session& session) {
  return on_endpoint(session, {"repair", session.arguments().value("FILE")},
                     "the repair file is right; it is tried now, and what worked before goes on until then");
}

void show_repair(Session& session, const Json& reply) {
  Terminal& terminal = session.terminal();
  if (session.json()) return terminal.document(reply);
  const bool is_planned = text_at(reply, "outcome") == "planned";
  if (is_planned) terminal.line("planned: nothing was changed (--dry-run)");
  if (terminal.quiet()) return;
  if (!is_planned) {
    terminal.line("done: " + text_at(reply, "file") + " has the number " +
                  std::to_string(reply.value("number", std::uint64_t{0})));
  }
  const std::string server = text_at(reply, "server");
  terminal.line("  to " + (server.empty() ? std::string("the server that it goes to already") : server));
  terminal.line("  good until " + text_at(reply, "expires"));
  print_anchors(terminal, reply);
}

int run_repair_make(Session& session) {
  const Arguments& arguments = session.arguments();
  const bool is_dry = arguments.has("--dry-run");
  Ask ask("collector-repair-make");
  if (arguments.has("--to")) put_address(ask, arguments.value("--to"));
  ask.put_text("name", arguments.value("--name")).put_texts("only", arguments.values("--only"));
  ask.put("ttl_seconds", seconds_from(arguments.value("--ttl", "30d"), "--ttl")).put_flag("dry_run", is_dry);
  for (const std::string& path : arguments.values("--ca")) ask.add_file("files", read_source(path));
  std::optional<NewFile> file;
  if (!is_dry) file.emplace(arguments.value("--output"));
  std::vector<SecretBytes> attachments;
  Json reply = session.ask(std::move(ask), &attachments);
  if (file) {
    file->keep(view_of(attachments.at(0)));
    reply["file"] = arguments.value("--output");
  }
  show_repair(session, reply);
  return 0;
}

int run_repair_key(Session& session) {
  std::vector<SecretBytes> attachments;
  const Json reply = session.ask(Ask("collector-repair-key"), &attachments);
  if (session.json()) {
    session.terminal().document(reply);
  } else {
    session.terminal().raw(text_of(view_of(attachments.at(0))));
  }
  return 0;
}

int run_repair_rotate(Session& session) {
  Ask ask("collector-repair-rotate");
  ask.put_flag("dry_run", session.arguments().has("--dry-run"));
  const Json reply = session.ask(std::move(ask));
  if (session.json()) {
    session.terminal().document(reply);
  } else if (text_at(reply, "outcome") == "planned") {
    session.terminal().line("planned: nothing was changed (--dry-run)");
  } else if (!session.terminal().quiet()) {
    session.terminal().line("done: repair files are signed by a new key, which the one before has signed");
  }
  return 0;
}

constexpr Positional kServer[] = {{.name = "HOST:PORT", .help = "the server that they shall go to"}};
constexpr Positional kFile[] = {{.name = "FILE", .help = "CA, or a server's own certificate", .kind = "file"}};
constexpr Positional kRepairFile[] = {
    {.name = "FILE", .help = "as `collector repair make` has written it", .kind = "file"}};
constexpr Option kDryRun{.name = "--dry-run", .value = "", .help = "what it would come to; change nothing"};
constexpr Option kName{.name = "--name", .value = "NAME", .help = "what that server's certificate bears, if not HOST"};
constexpr Option kCa{.name = "--ca",
                     .value = "FILE",
                     .help = "who that server is under; where it is not given: whom the federation trusts",
                     .kind = "file",
                     .repeated = true};
constexpr Option kOnly{
    .name = "--only", .value = "ID", .help = "these collectors only, as `collector list` shows them", .repeated = true};
constexpr Option kWholeOnly{.name = "--only",
                            .value = "ID",
                            .help = "these collectors only: whole ids, from `collector list --json`",
                            .repeated = true};
constexpr Option kMoveOptions[] = {kName, kCa, kOnly, kDryRun};
constexpr Option kChangeOptions[] = {kDryRun};
constexpr Option kTrustOptions[] = {kOnly, kDryRun};
constexpr Option kMakeOptions[] = {
    {.name = "--to", .value = "HOST:PORT", .help = "where they shall go; not given: where they go already"},
    kName,
    kCa,
    kWholeOnly,
    {.name = "--ttl", .value = "TIME", .help = "how long it is good: 30d where nothing is said, 366d at most"},
    {.name = "--output",
     .value = "FILE",
     .help = "where it is written; never over another file",
     .kind = "file",
     .required = true,
     .unless = "--dry-run"},
    kDryRun};
constexpr Example kMoveExamples[] = {
    {"chancery collector move engine-b.example.com:443",
     "all connected collectors, to another engine of the federation"},
    {"chancery collector move 192.0.2.7:443 --ca ca.pem --only 3fa9c2107b44e6d1", "one of them first"}};
constexpr Example kTrustExamples[] = {
    {"chancery collector install-trust root.pem",
     "on a secondary, before its certificate is replaced by one under another root; on an endpoint: from a stick"}};
constexpr Example kResetExamples[] = {{"chancery collector reset", "as it came from the installer"}};
constexpr Example kMakeExamples[] = {
    {"chancery collector repair make --output mend.json", "for every collector: trust the federation's present roots"},
    {"chancery collector repair make --to b.example.com:443 --output mend.json", "and go to another engine"}};
constexpr Example kApplyExamples[] = {{"chancery collector repair apply mend.json", "needs no network"}};
constexpr Example kKeyExamples[] = {
    {"chancery collector repair key > repair-key.json", "for the state of a collector that is set up by hand"}};
constexpr Example kRotateExamples[] = {{"chancery collector repair rotate-key",
                                        "collectors take files of the new key, and no longer those of the old one"}};

constexpr Command kCollectorTrustCommands[] = {
    {.path = "collector move",
     .doing = "move collectors",
     .summary = "send collectors to another server, one proof at a time",
     .description =
         "On a secondary or single appliance: its engine hands the address and the CA to the collectors that are "
         "connected. Each tries the new server over a connection of its own, and leaves for good only when that has "
         "proven itself by a full handshake under that CA and by the Customer Key; until then it stays. On an "
         "endpoint: "
         "the same for its own collector, which needs no network.",
     .positionals = kServer,
     .options = kMoveOptions,
     .examples = kMoveExamples,
     .run = run_move},
    {.path = "collector install-trust",
     .doing = "install trust",
     .summary = "give collectors a CA",
     .description = "On a secondary or single appliance: its engine hands the CA to the collectors that are connected, "
                    "and they trust "
                    "it beside what they trust now; `collector move HOST:PORT --ca F` leaves them with that CA alone. "
                    "On an endpoint, "
                    "by whoever may write the collector's state: it is tried first, and once a server under it is "
                    "proven it is all "
                    "that counts.",
     .positionals = kFile,
     .options = kTrustOptions,
     .examples = kTrustExamples,
     .run = run_install_trust},
    {.path = "collector reset",
     .doing = "reset the collector",
     .summary = "back to what this endpoint's collector was shipped with",
     .description =
         "On the endpoint. Moves, repairs and roots that were learned since are forgotten; the number of the "
         "last repair file is not, so that no older one can be played back.",
     .positionals = {},
     .options = kChangeOptions,
     .examples = kResetExamples,
     .run = run_reset},
    {.path = "collector repair make",
     .doing = "make a repair file",
     .summary = "write a signed file that mends collectors that are locked out",
     .description =
         "On the primary (or a single appliance), whose repair key signs it. The file says whom to trust and, "
         "where that is given, where to go; it is no secret.",
     .positionals = {},
     .options = kMakeOptions,
     .examples = kMakeExamples,
     .run = run_repair_make},
    {.path = "collector repair apply",
     .doing = "apply the repair file",
     .summary = "mend this endpoint's collector by a signed file",
     .description = "On the endpoint. Refused, with everything as it was: a file of another signer or federation, for "
                    "other collectors, with a number that is not above the last one, altered, or past its end.",
     .positionals = kRepairFile,
     .options = kChangeOptions,
     .examples = kApplyExamples,
     .run = run_repair_apply},
    {.path = "collector repair key",
     .doing = "show the repair key",
     .summary = "print the public half of the repair key",
     .description = "What installers put into a collector's state as repair-key.json.",
     .positionals = {},
     .options = {},
     .examples = kKeyExamples,
     .run = run_repair_key},
    {.path = "collector repair rotate-key",
     .doing = "replace the repair key",
     .summary = "sign repair files by a new key from now on",
     .description =
         "The new key is signed by the present one, so that collectors which know only the first one take its "
         "files; one that has seen a file of the new key refuses those of the old one.",
     .positionals = {},
     .options = kChangeOptions,
     .examples = kRotateExamples,
     .run = run_repair_rotate},
};

}  // namespace

std::span<const Command> collector_trust_commands() { return kCollectorTrustCommands; }

}  // namespace chancery::cli
