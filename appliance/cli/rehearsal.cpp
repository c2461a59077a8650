// chancery rehearse: who would break.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "appliance/cli/certificate_options.h"
#include "appliance/cli/command.h"
#include "appliance/cli/given_files.h"
#include "appliance/cli/human_time.h"
#include "appliance/cli/rehearsal_options.h"
#include "appliance/cli/secret_input.h"
#include "appliance/cli/session.h"
#include "appliance/cli/table.h"

namespace chancery::cli {

using Json = nlohmann::json;

namespace {

constexpr std::size_t kShownDigits = 16;
constexpr std::size_t kShownRows = 200;

// "5%" or "5".
long share_from(std::string text) {
  constexpr long all = 100;
  if (!text.empty() && text.back() == '%') text.pop_back();
  const bool is_number = !text.empty() && text.size() <= 3 && text.find_first_not_of("0123456789") == std::string::npos;
  const long share = is_number ? std::stol(text) : all + 1;
  if (share <= all) return share;
  throw usage("--watch-share takes a share from 0% to 100%", "for example: --watch-share 5%");
}

std::size_t count_at(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) return 0;
  return found->is_array() ? found->size() : found->is_number_unsigned() ? found->get<std::size_t>() : 0;
}

// What tells it from every other one: hosts may have one name.
std::string shown_name(const Json& entry) {
  const std::string who = text_at(entry, "who");
  return text_at(entry, "kind") == "collector" ? who.substr(0, kShownDigits) : who;
}

Text summary(const Json& rehearsal) {
  Text line = "asked " + std::to_string(count_at(rehearsal, "asked")) + ": " +
              std::to_string(count_at(rehearsal, "would_trust")) + " would trust it";
  const std::size_t broken = count_at(rehearsal, "would_break");
  const std::size_t silent = count_at(rehearsal, "silent");
  line << ", " << painted(broken == 0 ? Colour::green : Colour::red, std::to_string(broken) + " would break");
  std::string reasons;
  const Json counts = rehearsal.value("reasons", Json::object());
  for (const auto& [reason, count] : counts.items()) {
    reasons += (reasons.empty() ? "" : ", ") + reason + " " + count.dump();
  }
  if (!reasons.empty()) line << " (" << reasons << ")";
  if (silent > 0) line << ", " << painted(Colour::yellow, std::to_string(silent) + " did not answer");
  return line;
}

void add_rows(Table& table, const Json& entries, bool is_silent) {
  std::size_t shown = 0;
  for (const Json& each : entries) {
    if (shown++ == kShownRows) break;
    const std::string predicted = text_at(each, "predicted");
    Text state = painted(Colour::red, "would break");
    if (is_silent) {
      state = predicted == "would-trust"   ? painted(Colour::dim, "silent, trusts")
              : predicted == "would-break" ? painted(Colour::yellow, "silent, breaks")
                                           : painted(Colour::dim, "silent");
    }
    table.add({shown_name(each), text_at(each, "name"), text_at(each, "kind"), state, text_at(each, "reason"),
               text_at(each, "calls")});
  }
}

int run_rehearse(Session& session) {
  const Arguments& arguments = session.arguments();
  Ask ask("rehearse");
  std::vector<std::pair<const char*, preflight::SourceFile>> files;
  for (const auto& [option, kind] :
       {std::pair("--certificate", "certificate"), std::pair("--intermediate", "intermediate"),
        std::pair("--also-trust", "also_trust")}) {
    for (const std::string& path : arguments.values(option)) {
      for (preflight::SourceFile& file : read_given(path)) files.emplace_back(kind, std::move(file));
    }
  }
  std::vector<const preflight::SourceFile*> all;
  for (const auto& [kind, file] : files) all.push_back(&file);
  std::optional<SecretBytes> passphrase = passphrase_for(arguments, all);
  for (auto& [kind, file] : files) ask.add_file("files", kind, std::move(file));
  if (passphrase) ask.put_secret("passphrase", std::move(*passphrase));
  for (const std::string& word : arguments.values("--set")) {
    const auto [key, value] = key_value(word, "for example: --set minimum-protocol=TLSv1.3");
    ask.put_setting(key, value);
  }
  ask.put_texts("identities", arguments.values("--identity"))
      .put_texts("remove_trust", arguments.values("--remove-trust"))
      .put_text("store", arguments.value("--store"))
      .put_text("profile", arguments.value("--profile"))
      .put_flag("keep_root", arguments.has("--keep-root"));
  put_rehearsal(ask, arguments);
  const Json reply = session.ask(std::move(ask));
  const int exit = reply.value("breaks", false) ? 1 : 0;
  Terminal& terminal = session.terminal();
  if (session.json()) {
    terminal.document(reply);
    return exit;
  }
  for (const Text& line : rehearsal_lines(reply, terminal.width())) terminal.line(line);
  return exit;
}

constexpr Option kOptions[] = {
    {.name = "--certificate",
     .value = "FILE",
     .help = "what is to be presented, alone or with its chain (- is stdin)",
     .kind = "file",
     .repeated = true},
    kIntermediate,
    kAlsoTrust,
    {.name = "--keep-root", .value = "", .help = "as if the root were sent too"},
    kOnlyIdentity,
    {.name = "--remove-trust",
     .value = "FINGERPRINT",
     .help = "instead: as if nobody trusted this root any more",
     .repeated = true},
    {.name = "--store",
     .value = "STORE",
     .help = "with --remove-trust: only engine's or portal's own trust",
     .kind = "engine|portal"},
    {.name = "--profile", .value = "NAME", .help = "instead: as if this profile asked more of clients, with --set"},
    {.name = "--set",
     .value = "KEY=VALUE",
     .help = "with --profile: minimum-protocol=TLSv1.3, client-certificates=require",
     .repeated = true},
    kPassphraseFile,
    kPassphraseEnv,
    kDeadline};

constexpr Example kExamples[] = {
    {"chancery rehearse --certificate new.pem --intermediate ca.pem",
     "every connected collector and member says whether it would trust it; exit 1 where somebody would not"},
    {"chancery rehearse --certificate new.pem --identity engine-collector --json", "one identity, for scripts"},
    {"chancery rehearse --remove-trust 5f3c0a9b…", "who depends on this root"},
    {"chancery rehearse --profile default --set minimum-protocol=TLSv1.3", "who speaks nothing so new"}};

constexpr Command kRehearsalCommands[] = {
    {.path = "rehearse",
     .doing = "rehearse the change",
     .summary = "who would break if this were in force",
     .description =
         "Changes nothing. The chain is sent over the live channels to every collector and member that would have to "
         "trust it; each judges it with its own trust, its own clock and the name that it uses. Who is silent is "
         "judged "
         "from its last report. `cert replace` does the same by itself. Exit 0: nobody would break. Exit 1: somebody "
         "would.",
     .positionals = {},
     .options = kOptions,
     .examples = kExamples,
     .run = run_rehearse},
};

}  // namespace

void put_rehearsal(Ask& ask, const Arguments& arguments) {
  ask.put_flag("no_rehearsal", arguments.has("--no-rehearsal"));
  if (arguments.has("--no-rehearsal") && arguments.has("--accept-breakage")) {
    throw usage("--no-rehearsal asks nobody, so there is no breakage to accept", "leave one of the two out");
  }
  if (arguments.has("--accept-breakage")) {
    ask.put("accept_breakage", arguments.number("--accept-breakage", 0, 0, 1'000'000));
  }
  if (arguments.has("--deadline")) {
    ask.put("deadline_seconds", seconds_from(arguments.value("--deadline"), "--deadline"));
  }
  if (arguments.has("--watch")) ask.put("watch_seconds", seconds_from(arguments.value("--watch"), "--watch"));
  if (arguments.has("--watch-share")) ask.put("watch_share", share_from(arguments.value("--watch-share")));
}

bool was_anybody_asked(const Json& rehearsal) { return rehearsal.is_object() && count_at(rehearsal, "asked") > 0; }

std::vector<Text> rehearsal_lines(const Json& rehearsal, std::size_t width) {
  std::vector<Text> lines;
  if (!was_anybody_asked(rehearsal)) {
    lines.emplace_back("nobody is concerned: no collector or member is connected, and no trust store depends on it");
    return lines;
  }
  lines.push_back(summary(rehearsal));
  Table table({{.title = "WHO"},
               {.title = "HOST", .may_shrink = true},
               {.title = "KIND"},
               {.title = "STATE"},
               {.title = "REASON"},
               {.title = "CALLS IT", .may_shrink = true}});
  add_rows(table, rehearsal.value("would_break", Json::array()), false);
  add_rows(table, rehearsal.value("silent", Json::array()), true);
  if (!table.is_empty()) {
    for (Text& line : table.render(width)) lines.push_back(std::move(line));
  }
  const std::size_t hidden = std::max(count_at(rehearsal, "would_break"), kShownRows) +
                             std::max(count_at(rehearsal, "silent"), kShownRows) - 2 * kShownRows;
  if (hidden > 0) lines.emplace_back("… and " + std::to_string(hidden) + " more; --json has them all");
  return lines;
}

std::span<const Command> rehearsal_commands() { return kRehearsalCommands; }

}  // namespace chancery::cli
