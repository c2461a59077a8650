// chancery authority list, revoke, renew: what was signed by hand. renew runs wherever the key is, without an appliance.
#include <nlohmann/json.hpp>

#include "appliance/cli/authority_commands.h"
#include "appliance/cli/human_time.h"
#include "appliance/cli/outcome_view.h"
#include "appliance/cli/table.h"
#include "appliance/federation/renewal.h"
#include "appliance/federation/renewed_files.h"
#include "appliance/federation/signed_renewal.h"
#include "appliance/preflight/finding.h"
#include "appliance/settings/policy.h"
#include "keystore/fault.h"
#include "keystore/x509/material.h"

namespace chancery::cli {

using Json = nlohmann::json;

namespace {

constexpr int kJoinPort = 8444;

std::vector<Certificate> roots_in(const std::string& path) {
  const preflight::SourceFile file = read_source(path);
  Material found = read_material(view_of(file.bytes), {.source = file.name});
  std::erase_if(found.certificates, [](const Certificate& each) { return !each.is_ca() || !each.is_self_signed(); });
  if (!found.certificates.empty()) return std::move(found.certificates);
  throw Failure({.code = "no-trust",
                 .subject = path,
                 .cause = "holds no root",
                 .hint = "give what `chancery authority root` prints on the primary, compared by its SHA-256"});
}

int show_renewed(Session& session, const char* outcome, const Certificate& certificate, const std::string& sentence) {
  Terminal& terminal = session.terminal();
  if (session.json()) {
    terminal.document({{"outcome", outcome}, {"certificate", preflight::to_json(certificate)}});
  } else if (!terminal.quiet()) {
    terminal.line(Text() << painted(Colour::green, "done") << ": " << sentence);
  }
  return 0;
}

std::string until(const Session& session, const Certificate& certificate) {
  return dated(to_rfc3339(certificate.not_after()), session.now());
}

}  // namespace

int run_list_signed(Session& session) {
  const Json reply = session.ask(Ask("authority-list"));
  if (session.json()) {
    session.terminal().document(reply);
    return 0;
  }
  Table table({{.title = "NAMES", .may_shrink = true},
               {.title = "PURPOSE"},
               {.title = "STATE"},
               {.title = "UNTIL"},
               {.title = "BY", .may_shrink = true},
               {.title = "SHA-256"}});
  constexpr std::size_t digits = 16;
  for (const Json& each : reply.value("certificates", Json::array())) {
    const Json certificate = each.value("certificate", Json::object());
    table.add({text_at(certificate, "sans"), text_at(each, "purpose"), text_at(each, "state"),
               relative(text_at(certificate, "not_after"), session.now()), text_at(each, "issued_for"),
               text_at(certificate, "sha256").substr(0, digits) + "…"});
  }
  if (table.is_empty()) {
    session.terminal().note("nothing was signed by hand yet");
  } else {
    table.print(session.terminal());
  }
  return 0;
}

int run_revoke_signed(Session& session) {
  Ask ask("authority-revoke");
  ask.put_text("sha256", session.arguments().value("SHA256")).put_flag("dry_run", session.arguments().has("--dry-run"));
  return show_outcome(session, session.ask(std::move(ask)),
                      "this certificate and what followed from it are revoked; the list is in trust/federation/crl.pem "
                      "and at the authority's /crl");
}

int run_renew_signed(Session& session) {
  const Arguments& arguments = session.arguments();
  const ProbeAddress primary = parse_address(arguments.value("--primary"), kJoinPort);
  const std::vector<Certificate> roots = roots_in(arguments.value("--trust"));
  const bool is_dry = arguments.has("--dry-run");
  federation::RenewedFiles files(arguments.value("--certificate"), arguments.value("--key"), !is_dry);
  if (is_dry) {
    const bool is_due = session.now() >= federation::renewable_from(files.certificate());
    return show_renewed(session, "planned", files.certificate(),
                        std::string("nothing was asked (--dry-run); the certificate is ") +
                            (is_due ? "due, " : "not due yet, ") + "until " + until(session, files.certificate()));
  }
  if (arguments.has("--due-only") && session.now() < federation::renew_at(files.certificate())) {
    return show_renewed(session, "unchanged", files.certificate(),
                        "not due yet, until " + until(session, files.certificate()));
  }
  if (files.was_finished()) {
    return show_renewed(session, "done", files.certificate(),
                        "what an earlier run was killed in is finished, until " + until(session, files.certificate()));
  }
  const PrivateKey next = files.next_key(arguments.has("--keep-key"));
  const std::vector<Certificate> chain = federation::renew_signed(
      {.authority = {.host = primary.host, .port = primary.port, .name = arguments.value("--name")},
       .roots = roots,
       .certificate = files.certificate(),
       .key = files.key(),
       .next = next},
      system_now);
  files.put(chain);
  return show_renewed(session, "done", chain.front(),
                      arguments.value("--certificate") + " is renewed, until " + until(session, chain.front()));
}

}  // namespace chancery::cli
