// chancery federation rotate …: one root of the federation follows another.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "appliance/cli/command.h"
#include "appliance/cli/human_time.h"
#include "appliance/cli/outcome_view.h"
#include "appliance/cli/rehearsal_options.h"
#include "appliance/cli/root_options.h"
#include "appliance/cli/text.h"

namespace chancery::cli {

using Json = nlohmann::json;

namespace {

Ask step(Session& session, const char* verb) {
  const Arguments& arguments = session.arguments();
  Ask ask(verb);
  ask.put_flag("dry_run", arguments.has("--dry-run"));
  put_root_access(ask, arguments);
  return ask;
}

int run_prepare(Session& session) {
  return show_outcome(session, session.ask(step(session, "federation-rotate-prepare")),
                      "the next root is trusted besides the present one");
}

int run_activate(Session& session) {
  return show_outcome(session, session.ask(step(session, "federation-rotate-activate")),
                      "leaves are issued under the next root");
}

// Nothing is cut: the id is what --forget takes, and the reason is what one came for.
void print_blockers(Session& session, const Json& blockers) {
  constexpr std::size_t indent = 4;
  Terminal& terminal = session.terminal();
  for (const Json& each : blockers) {
    const std::string since = text_at(each, "since");
    const std::string name = text_at(each, "name");
    terminal.line("  " + text_at(each, "kind") + " " + text_at(each, "who") + (name.empty() ? "" : " (" + name + ")") +
                  (since.empty() ? "" : ", last heard of " + relative(since, session.now())));
    const std::size_t room = std::max(terminal.width(), 2 * indent) - indent;
    for (const std::string& part : folded(text_at(each, "why"), room)) {
      terminal.line(std::string(indent, ' ') + part);
    }
  }
}

int run_retire(Session& session) {
  const Arguments& arguments = session.arguments();
  Ask ask = step(session, "federation-rotate-retire");
  ask.put_texts("forget", arguments.values("--forget")).put_flag("emergency", arguments.has("--emergency"));
  put_rehearsal(ask, arguments);
  const Json reply = session.ask(std::move(ask));
  const int exit = show_outcome(session, reply, "the former root is retired; nobody takes it any more");
  if (session.json() || session.terminal().quiet() || text_at(reply, "outcome") != "done") return exit;
  if (const Json lost = reply.value("lost", Json::array()); !lost.empty()) {
    session.terminal().line("lost, and to be brought back by hand:");
    print_blockers(session, lost);
  }
  return exit;
}

int run_status(Session& session) {
  const bool shows = session.arguments().has("--show-blockers");
  Ask ask("federation-rotate-status");
  ask.put_flag("show_blockers", shows);
  const Json reply = session.ask(std::move(ask));
  Terminal& terminal = session.terminal();
  if (session.json()) {
    terminal.document(reply);
    return 0;
  }
  const std::string since = text_at(reply, "since");
  terminal.line(Text(painted(Colour::bold, text_at(reply, "phase")))
                << (since.empty() ? "" : ", " + relative(since, session.now())));
  const bool is_steady = text_at(reply, "phase") == "steady";
  for (const char* which : {"root", "coming_root", "going_root"}) {
    if (!reply.contains(which) || !reply[which].is_object()) continue;
    // In between, the root that issues is one of the other two.
    if (!is_steady && which == std::string_view("root")) continue;
    std::string label = which;
    std::replace(label.begin(), label.end(), '_', ' ');
    // Its first part tells one root of a federation from another.
    const std::string subject = text_at(reply[which], "subject");
    terminal.line("  " + label + ": " + subject.substr(0, subject.find(',')));
    terminal.line("    SHA-256 " + text_at(reply[which], "sha256"));
  }
  if (reply.contains("blocked_by") && !is_steady) {
    const std::string count = text_at(reply, "blocked_by");
    terminal.line(count == "0" ? "everybody has proven the coming root" : "still to prove the coming root: " + count);
  }
  if (shows && reply.contains("blockers") && !reply["blockers"].empty()) print_blockers(session, reply["blockers"]);
  return 0;
}

constexpr Option kDryRun{.name = "--dry-run", .value = "", .help = "print the plan; change nothing"};
constexpr Option kStepOptions[] = {kRootKey, kRootPassphrase, kRootPin, kDryRun};
constexpr Option kRetireOptions[] = {
    {.name = "--forget",
     .value = "ID",
     .help = "retire without this one's proof, as `status --show-blockers` names it; it is recorded as lost",
     .repeated = true},
    {.name = "--emergency",
     .value = "",
     .help = "a CA key is stolen: a new root at once, nobody is waited for, and nothing under the old one counts"},
    kNoRehearsal,
    kAcceptBreakage,
    kDeadline,
    kRootKey,
    kRootPassphrase,
    kRootPin,
    kDryRun};
constexpr Option kStatusOptions[] = {
    {.name = "--show-blockers", .value = "", .help = "who has not proven the coming root, since when and why"}};
constexpr Example kPrepareExamples[] = {
    {"chancery federation rotate prepare", "a new root, trusted everywhere besides the present one within seconds"},
    {"chancery federation rotate prepare --dry-run", "which files it would change"}};
constexpr Example kActivateExamples[] = {
    {"chancery federation rotate activate", "new leaves; peers that know only the former root still verify them"}};
constexpr Example kRetireExamples[] = {
    {"chancery federation rotate retire", "refused, with names, until everybody has proven the new root"},
    {"chancery federation rotate retire --forget engine3.example.com", "that one is gone and will not prove anything"},
    {"chancery federation rotate retire --emergency", "the key of a CA was stolen"}};
constexpr Example kStatusExamples[] = {
    {"chancery federation rotate status --show-blockers", "how far it is, and who is waited for"}};

constexpr Command kRotationCommands[] = {
    {.path = "federation rotate prepare",
     .doing = "prepare the next root",
     .summary = "make the next root, and let everybody trust it besides the present one",
     .description =
         "On the primary. A new root and issuing CA, and a cross certificate that vouches for them under the "
         "present root. Members follow by themselves; nothing is issued under the new root yet.",
     .positionals = {},
     .options = kStepOptions,
     .examples = kPrepareExamples,
     .run = run_prepare},
    {.path = "federation rotate activate",
     .doing = "activate the next root",
     .summary = "issue under the next root",
     .description =
         "On the primary. Members get new leaves by themselves, and prove that they can do with the new root "
         "alone. Chains carry the cross certificate, so nobody has to be first. Own certificates stay.",
     .positionals = {},
     .options = kStepOptions,
     .examples = kActivateExamples,
     .run = run_activate},
    {.path = "federation rotate retire",
     .doing = "retire the former root",
     .summary = "distrust the former root everywhere",
     .description =
         "On the primary. Refused until every member, every collector and every trust store that is known has "
         "proven a full handshake anchored at the new root, no cross certificate counting, and what `authority sign` "
         "signed under the former one is renewed, revoked or over. Within ten seconds "
         "nobody takes a certificate under the former root, and no restore brings it back.",
     .positionals = {},
     .options = kRetireOptions,
     .examples = kRetireExamples,
     .run = run_retire},
    {.path = "federation rotate status",
     .doing = "show the rotation",
     .summary = "how far a rotation is, and who is waited for",
     .description = "On a secondary: what it has followed.",
     .positionals = {},
     .options = kStatusOptions,
     .examples = kStatusExamples,
     .run = run_status},
};

}  // namespace

std::span<const Command> rotation_commands() { return kRotationCommands; }

}  // namespace chancery::cli
