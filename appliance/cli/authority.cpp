// chancery authority …: the federation's own PKI by hand.
#include <cctype>
#include <nlohmann/json.hpp>

#include "appliance/cli/authority_commands.h"
#include "appliance/cli/command.h"
#include "appliance/cli/human_time.h"
#include "appliance/cli/outcome_view.h"
#include "appliance/cli/root_options.h"

namespace chancery::cli {

using Json = nlohmann::json;

namespace {

// As people compare fingerprints: AB:CD:…
std::string in_pairs(const std::string& hex) {
  std::string out;
  for (std::size_t at = 0; at < hex.size(); ++at) {
    if (at > 0 && at % 2 == 0) out += ':';
    out += static_cast<char>(std::toupper(static_cast<unsigned char>(hex[at])));
  }
  return out;
}

int run_root(Session& session) {
  const Json reply = session.ask(Ask("authority-root"));
  Terminal& terminal = session.terminal();
  if (session.json()) {
    terminal.document(reply);
    return 0;
  }
  terminal.raw(text_at(reply, "pem"));
  const Json certificate = reply.value("certificate", Json::object());
  terminal.note(text_at(certificate, "subject") + ", until " + dated(text_at(certificate, "not_after"), session.now()));
  terminal.note("SHA-256 " + in_pairs(text_at(reply, "sha256")));
  terminal.hint("compare the SHA-256 by another way (telephone, paper) before you trust it");
  return 0;
}

int run_sign(Session& session) {
  const Arguments& arguments = session.arguments();
  Ask ask("authority-sign");
  ask.put_file("file", read_source(arguments.value("CSR")))
      .put_text("purpose", arguments.value("--purpose"))
      .put_texts("sans", arguments.values("--san"))
      .put_flag("dry_run", arguments.has("--dry-run"));
  put_root_access(ask, arguments);
  const Json reply = session.ask(std::move(ask));
  if (arguments.has("--dry-run")) return show_outcome(session, reply, "");
  if (session.json()) {
    session.terminal().document(reply);
    return 0;
  }
  session.terminal().raw(text_at(reply, "pem"));
  const Json certificate = reply.value("certificate", Json::object());
  session.terminal().note("signed for " + text_at(certificate, "sans") + ", until " +
                          dated(text_at(certificate, "not_after"), session.now()));
  return 0;
}

constexpr Example kRootExamples[] = {{"chancery authority root > root.crt", "the root for browsers and collectors"}};
constexpr Positional kCsr[] = {{.name = "CSR", .help = "a signing request, PEM or DER (- is stdin)", .kind = "file"}};
constexpr Option kSignOptions[] = {{.name = "--purpose",
                                    .value = "WHAT",
                                    .help = "what the certificate is for",
                                    .kind = "client|server",
                                    .required = true},
                                   {.name = "--san",
                                    .value = "NAME",
                                    .help = "a name it shall bear; those in the request are not believed",
                                    .repeated = true},
                                   kRootKey,
                                   kRootPassphrase,
                                   kRootPin,
                                   {.name = "--dry-run", .value = "", .help = "print the plan; sign nothing"}};
constexpr Option kExportOptions[] = {
    {.name = "--output", .value = "FILE", .help = "a new file for it", .kind = "file", .required = true},
    {.name = "--passphrase-file",
     .value = "FILE",
     .help = "the passphrase for that file (- is stdin); asked for without it",
     .kind = "file"},
    {.name = "--passphrase-env", .value = "VARIABLE", .help = "the same from an environment variable"},
    kRootPassphrase,
    {.name = "--dry-run", .value = "", .help = "open the key as it is kept here; write nothing"}};
constexpr Example kExportExamples[] = {
    {"chancery authority root export-key --output /media/safe/root.key --passphrase-file p", "a copy for the safe"}};
constexpr Option kRemoveOptions[] = {
    {.name = "--root-key",
     .value = "FILE",
     .help = "the exported key: it must open and be the root's",
     .kind = "file",
     .required = true},
    kRootPassphrase,
    {.name = "--dry-run", .value = "", .help = "prove the exported key; remove nothing"}};
constexpr Example kRemoveExamples[] = {
    {"chancery authority root remove-key --root-key /media/safe/root.key --root-passphrase-file p",
     "from now on new names and a rotation ask for that file"}};
constexpr Example kSignExamples[] = {
    {"chancery authority sign api.csr --purpose client --san robot.example.com > api.crt", "a client certificate"},
    {"chancery authority sign web.csr --purpose server --san web.lan --san 192.0.2.7 > web.crt",
     "a server of your own"}};
constexpr Example kListExamples[] = {{"chancery authority list", "names, purpose, state, and who had it signed"}};
constexpr Positional kSha256[] = {
    {.name = "SHA256", .help = "of the certificate, as `openssl x509 -fingerprint` has it"}};
constexpr Option kRevokeOptions[] = {
    {.name = "--dry-run", .value = "", .help = "print what would be revoked; revoke nothing"}};
constexpr Example kRevokeExamples[] = {
    {"chancery authority revoke 3fa2b5…", "this certificate, and every one that was renewed from it"}};
constexpr Option kRenewOptions[] = {
    {.name = "--certificate", .value = "FILE", .help = "the present one; replaced", .kind = "file", .required = true},
    {.name = "--key",
     .value = "FILE",
     .help = "its key; replaced (may be the same file)",
     .kind = "file",
     .required = true},
    {.name = "--primary", .value = "HOST:PORT", .help = "the authority's port (8444)", .required = true},
    {.name = "--name", .value = "DNS", .help = "what the authority's certificate must bear, if not HOST"},
    {.name = "--trust", .value = "FILE", .help = "the federation's root", .kind = "file", .required = true},
    {.name = "--keep-key", .value = "", .help = "renew under the same key"},
    {.name = "--due-only", .value = "", .help = "do nothing before two thirds of its life are over: for cron"},
    {.name = "--dry-run", .value = "", .help = "look at the files; ask for nothing, write nothing"}};
constexpr Example kRenewExamples[] = {
    {"chancery authority renew --certificate robot.crt --key robot.key --primary primary.example.com --trust root.crt "
     "--due-only",
     "once a day from cron, as the user who owns the files"}};

constexpr Command kAuthorityCommands[] = {
    {.path = "authority root",
     .doing = "show the root",
     .summary = "print the federation's root and its SHA-256",
     .description = "The root as PEM on stdout; its fingerprint, for comparing, on stderr.",
     .positionals = {},
     .options = {},
     .examples = kRootExamples,
     .run = run_root},
    {.path = "authority root export-key",
     .doing = "export the root's key",
     .summary = "write the root's key, encrypted, for a safe place",
     .description =
         "On the primary. PKCS#8 under the passphrase (scrypt, AES-256), which `openssl pkey` opens as well. "
         "The key stays here until remove-key.",
     .positionals = {},
     .options = kExportOptions,
     .examples = kExportExamples,
     .run = run_export_root_key},
    {.path = "authority root remove-key",
     .doing = "remove the root's key",
     .summary = "take the root's key off the appliance",
     .description =
         "On the primary. Joins, renewals and revocations need the issuing CA only. Names that are new to the "
         "federation and a rotation need the root: they ask for --root-key then. Backups of the whole "
         "appliance that were made before still hold the key.",
     .positionals = {},
     .options = kRemoveOptions,
     .examples = kRemoveExamples,
     .run = run_remove_root_key},
    {.path = "authority sign",
     .doing = "sign the request",
     .summary = "sign a request of somebody else",
     .description =
         "On the primary. Takes the key from the request and nothing else: names and purpose are what is said "
         "here. The certificate and the issuing CA come as PEM on stdout.",
     .positionals = kCsr,
     .options = kSignOptions,
     .examples = kSignExamples,
     .run = run_sign},
    {.path = "authority list",
     .doing = "list what was signed",
     .summary = "what was signed by hand, and renewed since",
     .description = "On the primary. Members' certificates are in `federation list`.",
     .positionals = {},
     .options = {},
     .examples = kListExamples,
     .run = run_list_signed},
    {.path = "authority revoke",
     .doing = "revoke the certificate",
     .summary = "take back what was signed by hand",
     .description = "On the primary. Takes back the certificate and all that were renewed from the same signature, and "
                    "signs the revocation list anew.",
     .positionals = kSha256,
     .options = kRevokeOptions,
     .examples = kRevokeExamples,
     .run = run_revoke_signed},
    {.path = "authority renew",
     .doing = "renew the certificate",
     .summary = "renew a signed certificate from where its key is",
     .description =
         "Anywhere, without an appliance. The present key signs the request, bound to a TLS session with the "
         "authority; a new key is made here and takes its place together with the new certificate. Names "
         "and purpose stay. After a kill at any moment the next run finishes. A certificate that has ended "
         "is signed anew by hand.",
     .positionals = {},
     .options = kRenewOptions,
     .examples = kRenewExamples,
     .run = run_renew_signed},
};

}  // namespace

std::span<const Command> authority_commands() { return kAuthorityCommands; }

}  // namespace chancery::cli
