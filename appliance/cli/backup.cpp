// chancery backup …: the sets that every change leaves behind.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "appliance/cli/appliance_backup.h"
#include "appliance/cli/backup_stores.h"
#include "appliance/cli/backup_transport.h"
#include "appliance/cli/command.h"
#include "appliance/cli/human_time.h"
#include "appliance/cli/outcome_view.h"
#include "appliance/cli/rehearsal_options.h"
#include "appliance/cli/report_view.h"
#include "appliance/cli/secret_input.h"
#include "appliance/cli/table.h"
#include "backup/sets/store_sets.h"
#include "keystore/files/folder.h"

namespace chancery::cli {

using Json = nlohmann::json;

namespace {

Text verified_text(const Json& set) {
  if (set.value("verified", false)) return painted(Colour::green, "ok");
  return painted(Colour::red, "DAMAGED");
}

// Of a keystore its file's name: the whole path is in `backup show`.
std::string component_of(const Json& set) {
  const std::string component = text_at(set, "component");
  const std::size_t slash = component.rfind('/');
  return backup::is_store_set_id(text_at(set, "id")) && slash != std::string::npos ? component.substr(slash + 1)
                                                                                   : component;
}

// Those of the appliance and those of keystores. Who has no appliance, or may not ask it, still has the latter.
Json all_sets(Session& session) {
  const Json of_stores = store_sets_json(session);
  Json reply;
  try {
    reply = session.ask(Ask("backup-list"));
  } catch (const Failure& failure) {
    if (of_stores.empty()) throw;
    if (session.is_initialised()) {
      session.terminal().note("only those of keystores: the appliance's cannot be listed: " + failure.cause());
    }
    reply["sets"] = Json::array();
  }
  Json& sets = reply["sets"];
  for (const Json& each : of_stores) sets.push_back(each);
  std::stable_sort(sets.begin(), sets.end(), [](const Json& left, const Json& right) {
    return text_at(left, "created") > text_at(right, "created");
  });
  return reply;
}

int run_list(Session& session) {
  const Json reply = all_sets(session);
  Terminal& terminal = session.terminal();
  if (session.json()) {
    terminal.document(reply);
    return 0;
  }
  // Sets of keystores concern no certificate in particular: where there are no others, their names get the room.
  const Json sets = reply.value("sets", Json::array());
  const bool has_certificates = std::any_of(
      sets.begin(), sets.end(), [](const Json& set) { return set.value("certificate", Json()).is_object(); });
  std::vector<Column> columns{{.title = "ID"},
                              {.title = "MADE"},
                              {.title = "COMPONENT", .may_shrink = true},
                              {.title = "BEFORE", .may_shrink = true}};
  if (has_certificates) columns.push_back({.title = "CERTIFICATE", .may_shrink = true});
  columns.push_back({.title = "SET"});
  Table table(std::move(columns));
  bool damaged = false;
  for (const Json& set : sets) {
    const Json certificate = set.value("certificate", Json());
    std::vector<Text> cells{text_at(set, "id"), relative(text_at(set, "created"), session.now()), component_of(set),
                            text_at(set, "reason")};
    if (has_certificates) cells.emplace_back(certificate.is_object() ? called(certificate) : "-");
    cells.push_back(verified_text(set));
    table.add(std::move(cells));
    damaged = damaged || !set.value("verified", false);
  }
  if (table.is_empty()) {
    terminal.note("no backup sets yet: every change makes one before it does anything");
    return 0;
  }
  table.print(terminal);
  if (damaged) terminal.hint("`chancery backup verify ID` says what is wrong with a damaged set");
  return 0;
}

int run_show(Session& session) {
  if (const std::string id = session.arguments().value("ID"); backup::is_store_set_id(id)) {
    return show_store_set(session, id);
  }
  Ask ask("backup-show");
  ask.put_text("id", session.arguments().value("ID"));
  const Json reply = session.ask(std::move(ask));
  Terminal& terminal = session.terminal();
  if (session.json()) {
    terminal.document(reply);
    return 0;
  }
  Sheet sheet;
  sheet.add("id", text_at(reply, "id"));
  sheet.add("made", dated(text_at(reply, "created"), session.now()));
  sheet.add("holds", "generation " + text_at(reply, "generation"));
  sheet.add("before", text_at(reply, "reason") + " by " + text_at(reply, "who"));
  sheet.add("restores", text_at(reply, "component"));
  sheet.add("set", verified_text(reply));
  sheet.print(terminal);
  Table identities({{.title = "IDENTITY"},
                    {.title = "NAMES", .may_shrink = true},
                    {.title = "ISSUER", .may_shrink = true},
                    {.title = "ENDS"},
                    {.title = "SHA256", .may_shrink = true}});
  for (const Json& each : reply.value("identities", Json::array())) {
    const Json certificate = each.value("certificate", Json::object());
    identities.add(
        {text_at(each, "identity"), text_at(certificate, "sans"), called({{"subject", text_at(certificate, "issuer")}}),
         ending(text_at(certificate, "not_after"), session.now()), text_at(certificate, "sha256").substr(0, 16)});
  }
  if (!identities.is_empty()) {
    terminal.line();
    identities.print(terminal);
  }
  return 0;
}

int run_verify(Session& session) {
  if (const std::string id = session.arguments().value("ID"); backup::is_store_set_id(id)) {
    return verify_store_set(session, id);
  } else if (is_appliance_backup(id)) {
    return verify_appliance_backup(session, id);
  }
  Ask ask("backup-verify");
  ask.put_text("id", session.arguments().value("ID"));
  const Json reply = session.ask(std::move(ask));
  const bool verified = reply.value("verified", false);
  if (verified) {
    if (session.json()) {
      session.terminal().document(reply);
    } else if (!session.terminal().quiet()) {
      session.terminal().line(Text() << painted(Colour::green, "verified") << ": every file of " << text_at(reply, "id")
                                     << " is as it was");
    }
    return 0;
  }
  throw Failure({.code = "backup-damaged",
                 .subject = text_at(reply, "id"),
                 .cause = text_at(reply, "problem").empty() ? "the set is damaged" : text_at(reply, "problem"),
                 .hint = "restore another set: `chancery backup list` shows those that are whole"});
}

int run_restore(Session& session) {
  const Arguments& arguments = session.arguments();
  const std::string id = arguments.value("ID");
  if (backup::is_store_set_id(id)) return restore_store_set(session, id);
  Ask ask("backup-restore");
  ask.put_text("id", id)
      .put_texts("components", arguments.values("--component"))
      .put_flag("dry_run", arguments.has("--dry-run"));
  put_rehearsal(ask, arguments);
  return show_outcome(session, session.ask(std::move(ask)), "backup set " + id + " is in force again");
}

int run_prune(Session& session) {
  const long keep = session.arguments().number("--keep", 20, 1, 100000);
  const bool planned = session.arguments().has("--dry-run");
  Ask ask("backup-prune");
  ask.put("keep", keep).put_flag("dry_run", planned);
  Json reply{{"outcome", "unchanged"}, {"removed", Json::array()}};
  // Who has no appliance still has the sets of keystores.
  if (session.is_initialised()) reply = session.ask(std::move(ask));
  const std::vector<std::string> of_stores = prune_store_sets(session, static_cast<std::size_t>(keep));
  for (const std::string& id : of_stores) reply["removed"].push_back(id);
  if (!of_stores.empty()) reply["outcome"] = planned ? "planned" : "done";
  Terminal& terminal = session.terminal();
  if (session.json()) {
    terminal.document(reply);
    return 0;
  }
  if (terminal.quiet()) return 0;
  const Json removed = reply.value("removed", Json::array());
  const std::string count = std::to_string(removed.size()) + (removed.size() == 1 ? " set" : " sets");
  if (planned && !removed.empty()) {
    terminal.line("planned: " + count + " would be removed (--dry-run)");
  } else {
    terminal.line(removed.empty() ? "unchanged: there are no more sets than that" : "done: " + count + " removed");
  }
  for (const Json& id : removed) terminal.line("  " + (id.is_string() ? id.get<std::string>() : id.dump()));
  return 0;
}

constexpr Positional kId[] = {{.name = "ID", .help = "as `backup list` shows it"}};
constexpr Option kPassphraseFile{
    .name = "--passphrase-file", .value = "FILE", .help = "the passphrase (- is stdin)", .kind = "file"};
constexpr Option kPassphraseEnv{
    .name = "--passphrase-env", .value = "VARIABLE", .help = "the same from the environment"};
constexpr Option kDryRun{
    .name = "--dry-run", .value = "", .help = "print the plan (files, endpoints, findings); change nothing"};

constexpr Example kListExamples[] = {
    {"chancery backup list", "newest first; each was made before the change it names"}};
constexpr Example kShowExamples[] = {{"chancery backup show 20261121T101500Z-000012", "what is in a set"}};
constexpr Option kVerifyOptions[] = {kPassphraseFile, kPassphraseEnv};
constexpr Positional kIdOrFile[] = {
    {.name = "ID", .help = "as `backup list` shows it, or a file that `backup appliance` wrote", .kind = "file"}};
constexpr Example kVerifyExamples[] = {{"chancery backup verify 20261121T101500Z-000012", "is every byte as it was?"},
                                       {"chancery backup verify primary.backup --passphrase-file pass",
                                        "the same of a whole appliance; needs no appliance"}};
constexpr Option kApplianceOptions[] = {
    {.name = "--output", .value = "FILE", .help = "a new file, 0600 (- is stdout)", .kind = "file", .required = true},
    kPassphraseFile,
    kPassphraseEnv};
constexpr Example kApplianceExamples[] = {
    {"chancery backup appliance --output primary.backup --passphrase-file pass", "to keep elsewhere, apart from pass"},
    {"chancery backup appliance --output - --passphrase-file pass | ssh vault 'cat > primary.backup'",
     "straight to another machine"}};
constexpr Option kRestoreOptions[] = {
    {.name = "--component",
     .value = "NAME",
     .help = "only this of the set: an identity, trust/engine, profiles, …",
     .kind = "identity",
     .repeated = true},
    {.name = "--storepass-file",
     .value = "FILE",
     .help = "of a keystore that an appliance manages: what opens the set's",
     .kind = "file"},
    {.name = "--storepass-env", .value = "VARIABLE", .help = "the same from an environment variable"},
    kNoRehearsal,
    kStopAboveBreakage,
    kDeadline,
    kWatch,
    kWatchShare,
    kDryRun};
constexpr Example kRestoreExamples[] = {
    {"chancery backup restore 20261121T101500Z-000012",
     "certificate, key and intermediates as they were, served at once"},
    {"chancery backup restore 20261121T101500Z-000012 --dry-run", "what would change"}};
constexpr Option kExportOptions[] = {
    {.name = "--output", .value = "FILE", .help = "a new file, 0600 (- is stdout)", .kind = "file", .required = true},
    kPassphraseFile,
    kPassphraseEnv,
    {.name = "--ask-passphrase", .value = "", .help = "ask for one, twice"}};
constexpr Example kExportExamples[] = {
    {"chancery backup export 20261121T101500Z-000012 --output set.bin --passphrase-file pass",
     "encrypted, to keep elsewhere"}};
constexpr Positional kFile[] = {{.name = "FILE", .help = "what `backup export` wrote (- is stdin)", .kind = "file"}};
constexpr Option kImportOptions[] = {
    kPassphraseFile, kPassphraseEnv, {.name = "--dry-run", .value = "", .help = "check it and say what it is"}};
constexpr Example kImportExamples[] = {
    {"chancery backup import set.bin --passphrase-file pass", "takes it among the sets again"}};
constexpr Option kPruneOptions[] = {{.name = "--keep", .value = "N", .help = "keep the newest N sets (20)"},
                                    {.name = "--dry-run", .value = "", .help = "print what would be removed"}};
constexpr Example kPruneExamples[] = {{"chancery backup prune --keep 5", "removes all but the newest five"}};

constexpr Command kBackupCommands[] = {
    {.path = "backup list",
     .doing = "list backup sets",
     .summary = "the sets, newest first",
     .description = "Every change makes a set of what was in force before it. SET says whether all of it is as it was.",
     .positionals = {},
     .options = {},
     .examples = kListExamples,
     .run = run_list},
    {.path = "backup show",
     .doing = "show the backup set",
     .summary = "what is in a set",
     .description = "Which certificates it holds and what restoring it brings back. Shows no key.",
     .positionals = kId,
     .options = {},
     .examples = kShowExamples,
     .run = run_show},
    {.path = "backup verify",
     .doing = "verify the backup set",
     .summary = "check every byte of a set",
     .description = "Checks the seal of the set and the hash of every file in it. Of a backup of the whole appliance, "
                    "which is opened with its passphrase, every byte.",
     .positionals = kIdOrFile,
     .options = kVerifyOptions,
     .examples = kVerifyExamples,
     .run = run_verify},
    {.path = "backup restore",
     .doing = "restore the backup set",
     .summary = "put a set in force again",
     .description = "Through the same transaction as every change, so it has a backup set of its own. Works when no "
                    "program runs. Revoked certificates and retired roots are refused, and it stops where somebody who "
                    "connects now could not any more.",
     .positionals = kId,
     .options = kRestoreOptions,
     .examples = kRestoreExamples,
     .run = run_restore},
    {.path = "backup export",
     .doing = "export the backup set",
     .summary = "copy a set to a file",
     .description = "For keeping it elsewhere; encrypted where a passphrase is given.",
     .positionals = kId,
     .options = kExportOptions,
     .examples = kExportExamples,
     .run = run_backup_export},
    {.path = "backup import",
     .doing = "import the backup set",
     .summary = "take an exported set in again",
     .description = "Only sets that this appliance made are taken. Nothing changes until it is restored.",
     .positionals = kFile,
     .options = kImportOptions,
     .examples = kImportExamples,
     .run = run_backup_import},
    {.path = "backup appliance",
     .doing = "back up the appliance",
     .summary = "the whole appliance in one encrypted file",
     .description =
         "Everything needed to rebuild it with `init --from`: authority with its keys, Customer Key, repair key, "
         "databases, generations, backup sets, settings, secrets. Taken while it serves, under the writer's lock; "
         "argon2id and XChaCha20-Poly1305. What lies on a PostgreSQL server is named and not in it.",
     .positionals = {},
     .options = kApplianceOptions,
     .examples = kApplianceExamples,
     .run = run_backup_appliance},
    {.path = "backup prune",
     .doing = "prune backup sets",
     .summary = "remove old sets",
     .description = "Keeps the newest of the appliance, and of each keystore outside; what is in force is not touched.",
     .positionals = {},
     .options = kPruneOptions,
     .examples = kPruneExamples,
     .run = run_prune},
};

}  // namespace

std::span<const Command> backup_commands() { return kBackupCommands; }

}  // namespace chancery::cli
