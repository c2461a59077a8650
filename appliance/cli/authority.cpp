// chancery authority …: the federation's own PKI by hand.
#include <cctype>
#include <nlohmann/json.hpp>

#include "appliance/cli/command.h"
#include "appliance/cli/human_time.h"
#include "appliance/cli/outcome_view.h"

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
                                   {.name = "--dry-run", .value = "", .help = "print the plan; sign nothing"}};
constexpr Example kSignExamples[] = {
    {"chancery authority sign api.csr --purpose client --san robot.example.com > api.crt", "a client certificate"},
    {"chancery authority sign web.csr --purpose server --san web.lan --san 192.0.2.7 > web.crt",
     "a server of your own"}};

constexpr Command kCommands[] = {
    {.path = "authority root",
     .doing = "show the root",
     .summary = "print the federation's root and its SHA-256",
     .description = "The root as PEM on stdout; its fingerprint, for comparing, on stderr.",
     .positionals = {},
     .options = {},
     .examples = kRootExamples,
     .run = run_root},
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
};

}  // namespace

std::span<const Command> authority_commands() { return kCommands; }

}  // namespace chancery::cli
