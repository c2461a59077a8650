// chancery cert check: preflight of any files. Through the manager's handler where there is an appliance, so that what
// it knows counts; directly where there is none.
#include <nlohmann/json.hpp>

#include "appliance/cli/cert_commands.h"
#include "appliance/cli/given_files.h"
#include "appliance/cli/report_view.h"
#include "appliance/cli/secret_input.h"
#include "appliance/cli/session.h"
#include "appliance/preflight/preflight.h"
#include "keystore/trust/os_trust.h"

namespace chancery::cli {

using Json = nlohmann::json;
using preflight::SourceFile;

namespace {

struct Files {
  std::vector<SourceFile> certificate;
  std::vector<SourceFile> key;
  std::vector<SourceFile> intermediate;
  std::vector<SourceFile> trust;
  std::optional<SecretBytes> passphrase;
  std::vector<std::string> key_paths;
};

std::vector<SourceFile> read_sources(const std::vector<std::string>& paths) {
  std::vector<SourceFile> files;
  for (const std::string& path : paths) {
    for (SourceFile& file : read_given(path)) files.push_back(std::move(file));
  }
  return files;
}

Files read_files(const Arguments& arguments) {
  Files files{.certificate = read_sources(arguments.values("--certificate")),
              .key = read_sources(arguments.values("--key")),
              .intermediate = read_sources(arguments.values("--intermediate")),
              .trust = read_sources(arguments.values("--trust")),
              .passphrase = std::nullopt,
              .key_paths = {}};
  std::vector<const SourceFile*> with_key;
  for (const std::vector<SourceFile>* list : {&files.certificate, &files.key}) {
    for (const SourceFile& file : *list) with_key.push_back(&file);
  }
  files.passphrase = passphrase_for(arguments, with_key);
  files.key_paths = key_paths(with_key);
  return files;
}

Json checked_here(const Arguments& arguments, Files files, Instant now) {
  preflight::Question question;
  question.certificate = std::move(files.certificate);
  question.key = std::move(files.key);
  question.intermediate = std::move(files.intermediate);
  question.trust = std::move(files.trust);
  question.passphrase = std::move(files.passphrase);
  for (const std::string& name : arguments.values("--name")) {
    question.names.push_back({.role = preflight::RequiredName::Role::external, .name = name});
  }
  const bool client = arguments.value("--purpose") == "client";
  question.purpose = client ? preflight::Purpose::client : preflight::Purpose::server;
  question.at = arguments.has("--at") ? from_rfc3339(arguments.value("--at")) : now;
  preflight::Knowledge knowledge;
  auto anchors = std::make_shared<CertificatePool>();
  if (question.trust.empty()) anchors->add_pem(os_trust_bundle());
  knowledge.anchors = std::move(anchors);
  return preflight::to_json(preflight::check(question, knowledge).report);
}

Json checked_by_appliance(Session& session, Files files) {
  const Arguments& arguments = session.arguments();
  Ask ask("cert-check");
  for (const auto& [kind, list] : {std::pair{"certificate", &files.certificate},
                                   {"key", &files.key},
                                   {"intermediate", &files.intermediate},
                                   {"trust", &files.trust}}) {
    for (SourceFile& file : *list) ask.add_file("files", kind, std::move(file));
  }
  ask.put_texts("names", arguments.values("--name"))
      .put_text("at", arguments.value("--at"))
      .put_text("purpose", arguments.value("--purpose"));
  if (files.passphrase) ask.put_secret("passphrase", std::move(*files.passphrase));
  return session.ask(std::move(ask));
}

}  // namespace

int run_cert_check(Session& session) {
  if (session.arguments().has("--at")) (void)from_rfc3339(session.arguments().value("--at"));
  Files files = read_files(session.arguments());
  Terminal& terminal = session.terminal();
  // Whoever may not read the appliance's state still gets the answer that any client of the world would give.
  const bool by_appliance = session.is_initialised() && session.is_readable();
  if (session.is_initialised() && !by_appliance) {
    terminal.note("note: " + session.state() + " is not readable for you: only the system's roots are known here");
  }
  const std::vector<std::string> keys = files.key_paths;
  Json report = by_appliance ? checked_by_appliance(session, std::move(files))
                             : checked_here(session.arguments(), std::move(files), session.now());
  add_key_permissions(report, keys, session.arguments().value("--service-user"));
  const bool refused = text_at(report, "verdict") == "refuse";
  if (session.json()) {
    terminal.document(report);
    return refused ? 1 : 0;
  }
  if (terminal.quiet() && !refused) return 0;
  terminal.line(verdict_line(report));
  const std::vector<Text> findings = finding_lines(report, terminal.width());
  const std::vector<Text> chain = chain_lines(report.value("chain", Json::array()), session.now(), terminal.width());
  for (const std::vector<Text>* part : {&findings, &chain}) {
    if (!part->empty()) terminal.line();
    for (const Text& line : *part) terminal.line(line);
  }
  return refused ? 1 : 0;
}

}  // namespace chancery::cli
