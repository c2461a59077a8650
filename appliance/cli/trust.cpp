// chancery trust …: whom engine, portal, Java installations and the operating system trust.
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "appliance/cli/command.h"
#include "appliance/cli/human_time.h"
#include "appliance/cli/outcome_view.h"
#include "appliance/cli/rehearsal_options.h"
#include "appliance/cli/report_view.h"
#include "appliance/cli/secret_input.h"
#include "appliance/cli/table.h"

namespace chancery::cli {

using Json = nlohmann::json;

namespace {

// A path is the manager's to follow, from the root on: it has another working folder.
std::string store_of(const Session& session) {
  const std::string store = session.arguments().value("--store", "engine");
  if (store == "engine" || store == "portal" || store == "os") return store;
  std::error_code failed;
  const std::filesystem::path whole = std::filesystem::absolute(store, failed);
  return failed || store.find('/') == std::string::npos ? store : whole.lexically_normal().string();
}

std::string told_store(const std::string& store) {
  return store == "engine" || store == "portal" ? "the " + store : store;
}

Ask change_of(Session& session, const std::string& verb) {
  Ask ask(verb);
  ask.put_flag("dry_run", session.arguments().has("--dry-run"));
  if (auto password = given_secret(session.arguments(), "--storepass"))
    ask.put_secret("storepass", std::move(*password));
  return ask;
}

Json listed(Session& session, const std::string& store) {
  Ask ask("trust-list");
  ask.put_text("store", store);
  return session.ask(std::move(ask));
}

int run_list(Session& session) {
  const Json reply = listed(session, store_of(session));
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
    if (const std::string alias = text_at(each, "alias"); !alias.empty()) line << "  as " << alias;
    if (const std::string file = text_at(each, "file"); !file.empty()) line << "  " << file;
    terminal.line(line);
  }
}

void print_changes(Session& session, const Json& reply) {
  Terminal& terminal = session.terminal();
  if (session.json() || terminal.quiet()) return;
  print_certificates(terminal, reply.value("added", Json::array()), painted(Colour::green, "added        "));
  print_certificates(terminal, reply.value("present", Json::array()), painted(Colour::dim, "there already"));
}

int run_append(Session& session) {
  const std::string store = store_of(session);
  Ask ask = change_of(session, "trust-append");
  for (const std::string& path : session.arguments().values("FILE")) ask.add_file("files", read_source(path));
  ask.put_text("store", store);
  const Json reply = session.ask(std::move(ask));
  const int exit = show_outcome(session, reply, told_store(store) + " trusts more now");
  if (exit == 0) print_changes(session, reply);
  return exit;
}

int run_os_install(Session& session) {
  Ask ask = change_of(session, "trust-os-install");
  for (const std::string& path : session.arguments().values("FILE")) ask.add_file("files", read_source(path));
  const Json reply = session.ask(std::move(ask));
  const int exit = show_outcome(session, reply, "the operating system trusts more now");
  if (exit == 0) print_changes(session, reply);
  return exit;
}

// A whole fingerprint, or a beginning of one that only one certificate has.
std::string whole_fingerprint(Session& session, const std::string& store) {
  std::string text = session.arguments().value("FINGERPRINT");
  std::erase(text, ':');
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char byte) { return std::tolower(byte); });
  constexpr std::size_t kWhole = 64;
  constexpr std::size_t kShortest = 8;
  if (text.size() >= kWhole || text.size() < kShortest) return text;
  std::vector<std::string> matches;
  for (const Json& each : listed(session, store).value("certificates", Json::array())) {
    if (text_at(each, "sha256").starts_with(text)) matches.push_back(text_at(each, "sha256"));
  }
  if (matches.size() < 2) return matches.empty() ? text : matches.front();
  throw Failure({.code = "ambiguous",
                 .subject = text,
                 .cause = std::to_string(matches.size()) + " certificates have a fingerprint that begins so",
                 .hint = "give more of it: `chancery trust list --all --json --store " + store + "` shows them whole"});
}

int run_remove(Session& session) {
  const std::string store = store_of(session);
  Ask ask = change_of(session, "trust-remove");
  ask.put_text("fingerprint", whole_fingerprint(session, store)).put_text("store", store);
  put_rehearsal(ask, session.arguments());
  return show_outcome(session, session.ask(std::move(ask)),
                      told_store(store) + " does not trust that certificate any more");
}

int run_os_remove(Session& session) {
  Ask ask = change_of(session, "trust-os-remove");
  ask.put_text("fingerprint", whole_fingerprint(session, "os"));
  return show_outcome(session, session.ask(std::move(ask)),
                      "the operating system does not trust that certificate any more");
}

constexpr Option kStore{.name = "--store",
                        .value = "STORE",
                        .help = "whose trust: engine (where nothing is said), portal, or the path of a Java keystore",
                        .kind = "file"};
constexpr Option kListedStore{.name = "--store",
                              .value = "STORE",
                              .help = "engine (where nothing is said), portal, os, or the path of a Java keystore",
                              .kind = "file"};
constexpr Option kStorepassFile{.name = "--storepass-file",
                                .value = "FILE",
                                .help = "password of a Java keystore in place, where it is not changeit (- is stdin)",
                                .kind = "file"};
constexpr Option kStorepassEnv{
    .name = "--storepass-env", .value = "VARIABLE", .help = "the same from an environment variable"};
constexpr Option kDryRun{
    .name = "--dry-run", .value = "", .help = "print the plan (files, endpoints, findings); change nothing"};
constexpr Option kListOptions[] = {kListedStore,
                                   {.name = "--all", .value = "", .help = "the operating system's public CAs too"}};
constexpr Example kListExamples[] = {
    {"chancery trust list", "what was added, and the federation's root"},
    {"chancery trust list --store /etc/ssl/certs/java/cacerts", "what Java trusts besides the public CAs"}};
constexpr Positional kFiles[] = {{.name = "FILE",
                                  .help = "CA certificates in any format, bundles too (- is stdin)",
                                  .kind = "file",
                                  .repeated = true}};
constexpr Option kChangeOptions[] = {kStore, kStorepassFile, kStorepassEnv, kDryRun};
constexpr Option kRemoveOptions[] = {kStore,          kStorepassFile, kStorepassEnv, kNoRehearsal,
                                     kAcceptBreakage, kDeadline,      kDryRun};
constexpr Option kSystemOptions[] = {kStorepassFile, kStorepassEnv, kDryRun};
constexpr Example kAppendExamples[] = {
    {"chancery trust append root.crt", "the engine's next outgoing connection trusts it"},
    {"chancery trust append bundle.pem --store portal --dry-run", "what the portal would get"},
    {"chancery trust append root.crt --store /opt/jdk/lib/security/cacerts",
     "a JDK's own store, in the one transaction"}};
constexpr Example kInstallExamples[] = {
    {"chancery trust os-install corporate.pem", "openssl, curl, Java and collectors of this machine trust it"}};
constexpr Example kUninstallExamples[] = {
    {"chancery trust os-remove 5f3c0a9be4d17722", "the one that `trust list --store os` shows so"}};
constexpr Positional kFingerprint[] = {
    {.name = "FINGERPRINT", .help = "SHA-256 of the certificate, or its first 8 digits and more"}};
constexpr Example kRemoveExamples[] = {
    {"chancery trust remove 5f3c0a9be4d17722", "the one that `trust list` shows so"}};

constexpr Command kTrustCommands[] = {
    {.path = "trust list",
     .doing = "list the trusted certificates",
     .summary = "whom engine, portal, a Java installation or the operating system trust",
     .description = "The engine uses its bundle for the heartbeat to the portal and all its outgoing connections, the "
                    "portal its keystore for engines, LDAP and mail. Any Java keystore can be named by its path.",
     .positionals = {},
     .options = kListOptions,
     .examples = kListExamples,
     .run = run_list},
    {.path = "trust append",
     .doing = "append to the trusted certificates",
     .summary = "trust more certificates",
     .description =
         "Adds every CA certificate of the files; what is there stays. Keys, garbage and certificates that are "
         "no CA are refused, and then nothing is added. A Java keystore outside the appliance is edited in place, as a "
         "step of the one transaction: its bytes before are kept, and one that somebody else changes is left alone.",
     .positionals = kFiles,
     .options = kChangeOptions,
     .examples = kAppendExamples,
     .run = run_append},
    {.path = "trust remove",
     .doing = "remove the trusted certificate",
     .summary = "trust a certificate no more",
     .description = "The federation's own root stays.",
     .positionals = kFingerprint,
     .options = kRemoveOptions,
     .examples = kRemoveExamples,
     .run = run_remove},
    {.path = "trust os-install",
     .doing = "install certificates for the operating system",
     .summary = "let the operating system trust more certificates",
     .description =
         "Puts every CA certificate of the files into /usr/local/share/ca-certificates, one a file, and runs "
         "update-ca-certificates, so that the bundle, the hash links and Debian's Java store have all of "
         "them. What was installed so is remembered: chancery doctor tells when an update wiped it.",
     .positionals = kFiles,
     .options = kSystemOptions,
     .examples = kInstallExamples,
     .run = run_os_install},
    {.path = "trust os-remove",
     .doing = "remove the certificate from the operating system",
     .summary = "let the operating system trust a certificate no more",
     .description = "Removes its file and its links, and takes it out of Debian's Java store too.",
     .positionals = kFingerprint,
     .options = kSystemOptions,
     .examples = kUninstallExamples,
     .run = run_os_remove},
};

}  // namespace

std::span<const Command> trust_commands() { return kTrustCommands; }

}  // namespace chancery::cli
