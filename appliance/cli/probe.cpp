// chancery probe: what a server presents, step by step.
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "appliance/cli/network_commands.h"
#include "appliance/cli/report_view.h"
#include "appliance/cli/session.h"
#include "appliance/tls/diagnosis.h"
#include "keystore/files/folder.h"
#include "keystore/trust/os_trust.h"

namespace chancery::cli {

using Json = nlohmann::json;

namespace {

constexpr std::size_t kLargestBundle = 64u << 20;

// --trust alone; else what the engine of this appliance trusts (the public CAs and the federation among it), else the
// operating system's roots.
Bytes anchors(Session& session) {
  Bytes bundle;
  for (const std::string& path : session.arguments().values("--trust")) {
    const preflight::SourceFile file = read_source(path);
    bundle.insert(bundle.end(), file.bytes.begin(), file.bytes.end());
    bundle.push_back('\n');
  }
  if (!bundle.empty()) return bundle;
  const std::string own = session.state() + "/current/trust/engine/ca-bundle.crt";
  return ::access(own.c_str(), R_OK) == 0 ? read_file(own, kLargestBundle) : os_trust_bundle();
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    lines.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return lines;
}

void print_step(Terminal& terminal, const tls::DiagnosisStep& step) {
  constexpr std::size_t kLabel = 18;  // "client certificate"
  const std::string margin(kLabel + 10, ' ');
  std::string label = step.step;
  label.resize(std::max(kLabel, label.size()) + 2, ' ');
  Text head;
  head << (step.ok ? painted(Colour::green, "ok      ") : painted(Colour::red, "FAILED  "))
       << painted(Colour::bold, label);
  bool first = true;
  for (const std::string& line : lines_of(step.detail)) {
    for (const std::string& part : wrapped(line, terminal.width() - margin.size())) {
      terminal.line(first ? Text(head) << part : Text(margin + part));
      first = false;
    }
  }
  if (step.ok || step.hint.empty()) return;
  for (const std::string& part : wrapped("hint: " + step.hint, terminal.width() - margin.size())) {
    terminal.line(Text(margin) << painted(Colour::dim, part));
  }
}

Json to_document(const tls::Diagnosis& diagnosis) {
  Json steps = Json::array();
  for (const tls::DiagnosisStep& step : diagnosis.steps) {
    Json entry = {{"step", step.step}, {"ok", step.ok}, {"detail", step.detail}};
    if (!step.hint.empty()) entry["hint"] = step.hint;
    steps.push_back(std::move(entry));
  }
  Json chain = Json::array();
  for (const Certificate& certificate : diagnosis.chain) chain.push_back(preflight::to_json(certificate));
  return {{"ok", diagnosis.ok()}, {"steps", std::move(steps)}, {"chain", std::move(chain)}};
}

}  // namespace

int run_probe(Session& session) {
  const Arguments& arguments = session.arguments();
  tls::DiagnosisRequest request;
  request.address = parse_address(arguments.value("HOST:PORT"), 443);
  request.address.starttls = arguments.value("--starttls");
  request.name = arguments.value("--name");
  request.trust_pem = anchors(session);
  const tls::Diagnosis diagnosis = tls::diagnose(request);
  const Json document = to_document(diagnosis);
  Terminal& terminal = session.terminal();
  const int exit = diagnosis.ok() ? 0 : 1;
  if (session.json()) {
    terminal.document(document);
    return exit;
  }
  if (terminal.quiet() && diagnosis.ok()) return exit;
  Text verdict;
  for (const tls::DiagnosisStep& step : diagnosis.steps) {
    if (step.ok || !verdict.pieces().empty()) continue;
    verdict << painted(Colour::red, "FAILED") << " at " << step.step << ": " << arguments.value("HOST:PORT");
  }
  if (diagnosis.ok())
    verdict << painted(Colour::green, "OK") << ": " << arguments.value("HOST:PORT") << " is reached and trusted";
  terminal.line(verdict);
  terminal.line();
  for (const tls::DiagnosisStep& step : diagnosis.steps) print_step(terminal, step);
  const std::vector<Text> chain = chain_lines(document["chain"], session.now(), terminal.width());
  if (!chain.empty()) terminal.line();
  for (const Text& line : chain) terminal.line(line);
  return exit;
}

}  // namespace chancery::cli
