// chancery cert …: the rows of the command table, and the commands that ask the manager for one thing.
#include <nlohmann/json.hpp>

#include "appliance/cli/cert_commands.h"
#include "appliance/cli/certificate_options.h"
#include "appliance/cli/given_files.h"
#include "appliance/cli/human_time.h"
#include "appliance/cli/outcome_view.h"
#include "appliance/cli/rehearsal_options.h"
#include "appliance/cli/report_view.h"
#include "appliance/cli/secret_input.h"
#include "appliance/cli/table.h"

namespace chancery::cli {

using Json = nlohmann::json;

namespace {

Text served_text(const Json& served) {
  if (!served.is_array() || served.empty()) return painted(Colour::dim, "-");
  std::size_t good = 0;
  for (const Json& each : served) good += each.value("ok", false) ? 1 : 0;
  const std::string counts = std::to_string(good) + "/" + std::to_string(served.size());
  if (good == served.size()) return painted(Colour::green, counts + " ok");
  return painted(Colour::red, counts + " ok");
}

int run_list(Session& session) {
  Ask ask("cert-list");
  ask.put("probe", !session.arguments().has("--no-probe"));
  const Json reply = session.ask(std::move(ask));
  Terminal& terminal = session.terminal();
  if (session.json()) {
    terminal.document(reply);
    return 0;
  }
  Table table({{.title = "IDENTITY"},
               {.title = "SOURCE"},
               {.title = "NAMES", .may_shrink = true},
               {.title = "ISSUER", .may_shrink = true},
               {.title = "ENDS"},
               {.title = "SERVED"}});
  bool differs = false;
  for (const Json& each : reply.value("identities", Json::array())) {
    const Json certificate = each.value("certificate", Json::object());
    const std::string problem = text_at(each, "problem");
    if (!problem.empty()) {
      differs = true;
      table.add({text_at(each, "identity"), text_at(each, "source"), painted(Colour::red, "DAMAGED: " + problem), "",
                 "", served_text(each.value("served", Json::array()))});
      continue;
    }
    const bool self_issued = certificate.value("self_issued", false);
    table.add({text_at(each, "identity"), text_at(each, "source"), text_at(certificate, "sans"),
               self_issued ? std::string("itself") : called({{"subject", text_at(certificate, "issuer")}}),
               ending(text_at(certificate, "not_after"), session.now()),
               served_text(each.value("served", Json::array()))});
    for (const Json& served : each.value("served", Json::array())) differs = differs || !served.value("ok", false);
  }
  table.print(terminal);
  for (const Json& pending : reply.value("pending", Json::array())) {
    terminal.note("a key of " + text_at(pending, "identity") +
                  " waits for its certificate: " + text_at(pending, "sans"));
  }
  if (differs) terminal.hint("not everything is in force as it should be: `chancery doctor` says what and why");
  return 0;
}

int run_csr(Session& session) {
  const Arguments& arguments = session.arguments();
  Ask ask("cert-csr");
  ask.put_text("identity", arguments.value("IDENTITY"))
      .put_texts("sans", arguments.values("--san"))
      .put_text("key_type", arguments.value("--key-type"))
      .put_flag("dry_run", arguments.has("--dry-run"));
  const Json reply = session.ask(std::move(ask));
  const std::string outcome = text_at(reply, "outcome");
  const std::string request = text_at(reply, "request");
  if (request.empty()) return show_outcome(session, reply, "the request is made");
  if (session.json()) {
    session.terminal().document(reply);
    return 0;
  }
  session.terminal().raw(request);
  session.terminal().note("the key stays here and waits for its certificate");
  session.terminal().hint("give this request to your CA, then: chancery cert replace --certificate FILE");
  return 0;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t at = 0; at < words.size(); ++at) {
    text += (at == 0 ? "" : at + 1 == words.size() ? " and " : ", ") + words[at];
  }
  return text;
}

int run_replace(Session& session) {
  const Arguments& arguments = session.arguments();
  std::vector<std::pair<const char*, preflight::SourceFile>> files;
  const auto read = [&](const char* option, const char* kind) {
    for (const std::string& path : arguments.values(option)) {
      for (preflight::SourceFile& file : read_given(path)) files.emplace_back(kind, std::move(file));
    }
  };
  read("--certificate", "certificate");
  read("--key", "key");
  std::vector<const preflight::SourceFile*> with_key;
  for (const auto& [kind, file] : files) with_key.push_back(&file);
  std::optional<SecretBytes> passphrase = passphrase_for(arguments, with_key);
  const std::vector<std::string> keys = key_paths(with_key);
  read("--intermediate", "intermediate");
  read("--also-trust", "also_trust");
  Ask ask("cert-replace");
  for (auto& [kind, file] : files) ask.add_file("files", kind, std::move(file));
  if (passphrase) ask.put_secret("passphrase", std::move(*passphrase));
  ask.put_texts("identities", arguments.values("--identity"))
      .put_texts("accept", arguments.values("--accept"))
      .put_flag("keep_root", arguments.has("--keep-root"))
      .put_flag("dry_run", arguments.has("--dry-run"));
  put_rehearsal(ask, arguments);
  Json reply = session.ask(std::move(ask));
  if (reply.contains("report")) add_key_permissions(reply["report"], keys, "");
  std::string done = "the certificate is replaced";
  if (reply.contains("identities") && reply["identities"].is_array() && !reply["identities"].empty()) {
    std::vector<std::string> names;
    for (const Json& each : reply["identities"])
      names.push_back(each.is_string() ? each.get<std::string>() : each.dump());
    done = "the certificate of " + joined(names) + " is replaced";
  }
  return show_outcome(session, reply, done);
}

int run_reset(Session& session) {
  const std::string identity = session.arguments().value("IDENTITY");
  Ask ask("cert-reset");
  ask.put_text("identity", identity).put_flag("dry_run", session.arguments().has("--dry-run"));
  put_rehearsal(ask, session.arguments());
  return show_outcome(session, session.ask(std::move(ask)), identity + " has its default certificate again");
}

constexpr Option kDryRun{
    .name = "--dry-run", .value = "", .help = "print the plan (files, endpoints, findings); change nothing"};

constexpr Positional kIdentity[] = {
    {.name = "IDENTITY", .help = "console, portal, engine, portal-collector, engine-collector, …", .kind = "identity"}};

constexpr Option kListOptions[] = {
    {.name = "--no-probe", .value = "", .help = "only what is installed; do not look at what is served"}};
constexpr Example kListExamples[] = {
    {"chancery cert list", "what is installed, who signed it, when it ends, and whether it is really served"},
    {"chancery cert list --json", "the same for scripts"}};

constexpr Positional kShowPositionals[] = {
    {.name = "WHAT",
     .help = "an identity, a file in any format (- is stdin), or tls://HOST:PORT",
     .kind = "identity-or-file"}};
constexpr Option kShowOptions[] = {
    kPassphraseFile,
    kPassphraseEnv,
    {.name = "--name", .value = "NAME", .help = "with tls://: the server name to ask for (SNI)"},
    {.name = "--pem", .value = "", .help = "print the certificates as PEM"}};
constexpr Example kShowExamples[] = {
    {"chancery cert show portal", "all about the certificate that is in force for the portal"},
    {"chancery cert show delivery.p12", "what is in a file, whatever its format; asks for the passphrase"},
    {"chancery cert show tls://www.example.com:443", "what a server presents"}};

constexpr Option kCsrOptions[] = {
    {.name = "--san", .value = "NAME", .help = "one more DNS name or address", .repeated = true},
    {.name = "--key-type",
     .value = "TYPE",
     .help = "ecdsa-p256 where nothing is said",
     .kind = "ecdsa-p256|ecdsa-p384|ecdsa-p521|rsa-2048|rsa-3072|rsa-4096|ed25519"},
    kDryRun};
constexpr Example kCsrExamples[] = {
    {"chancery cert csr portal > portal.csr", "a request with all names of this appliance; its key stays here"},
    {"chancery cert csr engine --san engine.lan --key-type rsa-3072", "one more name, and an RSA key"}};

constexpr Option kCheckOptions[] = {
    {.name = "--certificate",
     .value = "FILE",
     .help = "the leaf, alone or with its chain and key (- is stdin)",
     .kind = "file",
     .repeated = true,
     .required = true},
    {.name = "--key", .value = "FILE", .help = "its private key", .kind = "file", .repeated = true},
    kIntermediate,
    {.name = "--trust",
     .value = "FILE",
     .help = "only these roots count; else this appliance's and the system's",
     .kind = "file",
     .repeated = true},
    {.name = "--name", .value = "NAME", .help = "a name that clients will use", .repeated = true},
    {.name = "--at", .value = "TIME", .help = "check as of then (RFC 3339), not now"},
    {.name = "--purpose", .value = "WHAT", .help = "server where nothing is said", .kind = "server|client"},
    {.name = "--service-user", .value = "USER", .help = "who shall be able to read the key file (else you)"},
    kPassphraseFile,
    kPassphraseEnv};
constexpr Example kCheckExamples[] = {
    {"chancery cert check --certificate new.pem --key new.key --intermediate ca.pem",
     "everything that is wrong or odd with these files, and what to do"},
    {"chancery cert check --certificate new.p12 --name portal.example.com",
     "a PKCS#12 delivery (asks for its passphrase), and whether it answers to the name"},
    {"ssh web cat /etc/ssl/web.pem | chancery cert check --certificate -", "from stdin, without its key"}};

constexpr Option kReplaceOptions[] = {
    {.name = "--certificate",
     .value = "FILE",
     .help = "the leaf, alone or with its chain and key (- is stdin)",
     .kind = "file",
     .repeated = true,
     .required = true},
    {.name = "--key",
     .value = "FILE",
     .help = "its private key; without it the key of the waiting CSR",
     .kind = "file",
     .repeated = true},
    kIntermediate,
    kAlsoTrust,
    {.name = "--keep-root", .value = "", .help = "send the root too (otherwise it is left out)"},
    kOnlyIdentity,
    {.name = "--accept",
     .value = "CODE",
     .help = "accept this finding (where accepting makes sense)",
     .repeated = true},
    kNoRehearsal,
    kAcceptBreakage,
    kDeadline,
    kWatch,
    kWatchShare,
    kPassphraseFile,
    kPassphraseEnv,
    kDryRun};
constexpr Example kReplaceExamples[] = {
    {"chancery cert replace --certificate new.pem --key new.key --intermediate ca.pem",
     "console + portal (primary) or console + engine (secondary) serve it at once, or nothing changes"},
    {"chancery cert replace --certificate signed.pem", "the answer to `chancery cert csr`"},
    {"chancery cert replace --certificate new.p12 --identity engine --dry-run", "the plan for the engine alone"}};

constexpr Option kResetOptions[] = {kNoRehearsal, kStopAboveBreakage, kDeadline, kWatch, kWatchShare, kDryRun};
constexpr Example kResetExamples[] = {
    {"chancery cert reset portal-collector", "back to the certificate that the federation made"}};

constexpr Command kCommands[] = {
    {.path = "cert list",
     .doing = "list certificates",
     .summary = "what is installed, and what is really served",
     .description = "Shows every identity of this appliance: where its certificate comes from (default: made by the "
                    "federation; custom: yours), its names, its issuer, when it ends, and at how many of its endpoints "
                    "a handshake just now presented it. Needs no manager and changes nothing.",
     .positionals = {},
     .options = kListOptions,
     .examples = kListExamples,
     .run = run_list},
    {.path = "cert show",
     .doing = "show the certificate",
     .summary = "details of an identity, a file or a server",
     .description =
         "A word that is the name of an identity is one; write ./portal for a file of that name. Files are "
         "judged by content: PEM, DER, PKCS#7, PKCS#12, keys and requests. Private keys are described, never "
         "shown.",
     .positionals = kShowPositionals,
     .options = kShowOptions,
     .examples = kShowExamples,
     .run = run_cert_show},
    {.path = "cert csr",
     .doing = "make the request",
     .summary = "make a key here and print its signing request",
     .description = "The key is made on this appliance and never leaves it. It waits until a certificate for it is put "
                    "in force with `chancery cert replace` (without --key). Asking again for the same names gives the "
                    "same request; "
                    "other names or another key type replace it.",
     .positionals = kIdentity,
     .options = kCsrOptions,
     .examples = kCsrExamples,
     .run = run_csr},
    {.path = "cert check",
     .doing = "check the files",
     .summary = "what is wrong or odd with these files, all at once",
     .description =
         "Looks at any pile of files as `cert replace` would and changes nothing. Works without an appliance "
         "too; then only the operating system's roots (or --trust) count. Exit 0: accepted, perhaps with "
         "warnings. Exit 1: refused.",
     .positionals = {},
     .options = kCheckOptions,
     .examples = kCheckExamples,
     .run = run_cert_check},
    {.path = "cert replace",
     .doing = "replace the certificate",
     .summary = "put a new certificate in force",
     .description = "Checks the files, keeps a backup set, lets every running program prepare, switches all of them at "
                    "once, and proves it by a handshake with each endpoint. Before that, everybody who would have to "
                    "trust it is asked, as by `chancery rehearse`, and the change stops where somebody would break; "
                    "after it, collectors connect anew, and it goes back where they cannot. Whatever fails on the way "
                    "puts the old state back. No connection is dropped.",
     .positionals = {},
     .options = kReplaceOptions,
     .examples = kReplaceExamples,
     .run = run_replace},
    {.path = "cert reset",
     .doing = "reset the certificate",
     .summary = "back to the default certificate",
     .description =
         "Every identity has a valid default beside a custom certificate. The custom one stays in the backup "
         "set that is made first.",
     .positionals = kIdentity,
     .options = kResetOptions,
     .examples = kResetExamples,
     .run = run_reset},
};

}  // namespace

std::span<const Command> cert_commands() { return kCommands; }

}  // namespace chancery::cli
