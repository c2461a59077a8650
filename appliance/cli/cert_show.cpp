// chancery cert show: an identity (asked of the manager), a file of any format, or what a server presents.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "appliance/cli/cert_commands.h"
#include "appliance/cli/human_time.h"
#include "appliance/cli/report_view.h"
#include "appliance/cli/secret_input.h"
#include "appliance/cli/session.h"
#include "appliance/cli/table.h"
#include "appliance/settings/appliance.h"
#include "appliance/tls/probe.h"
#include "keystore/x509/material.h"

namespace chancery::cli {

using Json = nlohmann::json;

namespace {

constexpr std::string_view kScheme = "tls://";

bool is_identity(const std::string& word) {
  for (const Role role : {Role::primary, Role::secondary, Role::single}) {
    const std::vector<std::string> names = identities_of(role);
    if (std::find(names.begin(), names.end(), word) != names.end()) return true;
  }
  return false;
}

std::string key_text(const Json& key) {
  const std::string type = text_at(key, "type");
  const std::string bits = text_at(key, "bits");
  return bits.empty() || bits == "0" || type.find(' ') != std::string::npos ? type : type + " " + bits;
}

Json key_json(const KeyDescription& key) { return {{"type", key.type}, {"bits", key.bits}}; }

void print_certificate(Terminal& terminal, const Json& certificate, const std::string& title, Instant now) {
  terminal.line(Text() << painted(Colour::bold, title));
  Sheet sheet;
  sheet.add("subject", text_at(certificate, "subject"));
  if (const std::string sans = text_at(certificate, "sans"); !sans.empty()) sheet.add("names", sans);
  sheet.add("issuer", certificate.value("self_issued", false) ? "itself" : text_at(certificate, "issuer"));
  sheet.add("from", dated(text_at(certificate, "not_before"), now));
  const Text end = ending(text_at(certificate, "not_after"), now);
  const Colour colour = end.pieces().empty() ? Colour::plain : end.pieces().front().colour;
  sheet.add("until", painted(colour, dated(text_at(certificate, "not_after"), now)));
  if (certificate.contains("key")) sheet.add("key", key_text(certificate["key"]));
  if (certificate.value("ca", false)) sheet.add("kind", "CA");
  sheet.add("serial", text_at(certificate, "serial"));
  sheet.add("sha256", text_at(certificate, "sha256"));
  sheet.print(terminal, 2);
}

// What may follow the certificates, in the reply's own words: source, endpoints, pending requests, ….
void print_rest(Terminal& terminal, const Json& document) {
  Sheet sheet;
  for (const auto& [name, value] : document.items()) {
    if (value.is_primitive() && name != "protocol") sheet.add(name, text_at(document, name));
  }
  sheet.print(terminal);
}

int show(Session& session, const Json& document, const std::vector<Certificate>& certificates) {
  Terminal& terminal = session.terminal();
  if (session.arguments().has("--pem")) {
    for (const Certificate& certificate : certificates) terminal.raw(certificate.to_pem());
    return 0;
  }
  if (session.json()) {
    terminal.document(document);
    return 0;
  }
  const Json& list = document["certificates"];
  std::size_t number = 0;
  for (const Json& certificate : list) {
    ++number;
    const std::string title = "certificate " + std::to_string(number) + " of " + std::to_string(list.size());
    print_certificate(terminal, certificate, title, session.now());
  }
  for (const Json& key : document.value("keys", Json::array())) {
    terminal.line(Text() << painted(Colour::bold, "private key") << "  " << key_text(key) << "  "
                         << (text_at(key, "certificate").empty()
                                 ? "no certificate here belongs to it"
                                 : "belongs to certificate " + text_at(key, "certificate")));
  }
  for (const Json& request : document.value("requests", Json::array())) {
    terminal.line(Text() << painted(Colour::bold, "signing request") << "  " << text_at(request, "subject") << "  "
                         << text_at(request, "sans") << "  " << key_text(request.value("key", Json::object())));
  }
  if (const std::string protocol = text_at(document, "protocol"); !protocol.empty())
    terminal.line("protocol  " + protocol);
  for (const Json& note : document.value("notes", Json::array())) {
    terminal.line(Text() << painted(Colour::yellow, text_at(note, "code")) << "  " << text_at(note, "subject") << ": "
                         << text_at(note, "message"));
  }
  return 0;
}

void put_certificates(Json& document, const std::vector<Certificate>& certificates) {
  document["certificates"] = Json::array();
  for (const Certificate& certificate : certificates)
    document["certificates"].push_back(preflight::to_json(certificate));
  document["certificate"] = certificates.empty() ? Json(nullptr) : document["certificates"].front();
}

int show_file(Session& session, const std::string& path) {
  const preflight::SourceFile file = read_source(path);
  const std::optional<SecretBytes> passphrase = passphrase_for(session.arguments(), {&file});
  const Material found =
      read_material(view_of(file.bytes), {.source = file.name, .passphrase = passphrase ? &*passphrase : nullptr});
  if (found.certificates.empty() && found.keys.empty() && found.requests.empty()) {
    const bool told = !found.notes.empty();
    throw Failure({.code = told ? found.notes.front().code : "not-pem",
                   .subject = file.name,
                   .cause = told ? found.notes.front().message : "holds no certificate, key or request",
                   .hint = told && !found.notes.front().hint.empty() ? found.notes.front().hint
                                                                     : "check that this is the file you mean"});
  }
  Json document = {
      {"source", file.name}, {"keys", Json::array()}, {"requests", Json::array()}, {"notes", Json::array()}};
  put_certificates(document, found.certificates);
  for (const PrivateKey& key : found.keys) {
    Json entry = key_json(key.description());
    entry["certificate"] = nullptr;
    for (std::size_t at = 0; at < found.certificates.size(); ++at) {
      if (entry["certificate"].is_null() && key.belongs_to(found.certificates[at])) entry["certificate"] = at + 1;
    }
    document["keys"].push_back(std::move(entry));
  }
  for (const CertificateRequest& request : found.requests) {
    Json names = Json::array();
    for (const AlternativeName& name : request.names()) names.push_back(name.value);
    document["requests"].push_back({{"subject", request.subject()}, {"sans", names}, {"key", key_json(request.key())}});
  }
  for (const MaterialNote& note : found.notes) {
    document["notes"].push_back(
        {{"code", note.code}, {"subject", note.subject}, {"message", note.message}, {"hint", note.hint}});
  }
  return show(session, document, found.certificates);
}

int show_server(Session& session, const std::string& url) {
  const ProbeAddress address = parse_address(std::string_view(url).substr(kScheme.size()), 443);
  const std::string name = session.arguments().value("--name", address.host);
  const tls::ProbeResult result = tls::probe(address, name, std::chrono::seconds(10));
  if (!result.handshake) {
    throw Failure({.code = result.reached ? "tls-handshake" : "tcp-refused",
                   .subject = url,
                   .cause = result.problem.empty() ? "no handshake came about" : result.problem,
                   .hint = "`chancery probe " + url.substr(kScheme.size()) + "` looks at it step by step"});
  }
  Json document = {{"source", url}, {"protocol", result.protocol}};
  put_certificates(document, result.chain);
  return show(session, document, result.chain);
}

int show_identity(Session& session, const std::string& identity) {
  Ask ask("cert-show");
  ask.put_text("identity", identity);
  const Json reply = session.ask(std::move(ask));
  Terminal& terminal = session.terminal();
  if (session.arguments().has("--pem")) {
    const preflight::SourceFile chain =
        read_source(session.state() + "/current/identities/" + identity + "/fullchain.pem");
    for (const Certificate& certificate : read_material(view_of(chain.bytes), {.source = chain.name}).certificates) {
      terminal.raw(certificate.to_pem());
    }
    return 0;
  }
  if (session.json()) {
    terminal.document(reply);
    return 0;
  }
  print_rest(terminal, reply);
  print_certificate(terminal, reply.value("certificate", Json::object()), "certificate", session.now());
  for (const Json& intermediate : reply.value("intermediates", Json::array())) {
    print_certificate(terminal, intermediate, "intermediate", session.now());
  }
  if (const Json served = reply.value("served", Json::array()); served.is_array() && !served.empty()) {
    terminal.line(Text() << painted(Colour::bold, "served"));
    for (const Json& each : served) {
      const bool ok = each.value("ok", false);
      terminal.line(Text("  ") << painted(ok ? Colour::green : Colour::red, ok ? "ok       " : "DIFFERS  ")
                               << text_at(each, "endpoint") << (ok ? "" : "  " + text_at(each, "problem")));
    }
  }
  if (const Json report = reply.value("report", Json::object()); report.is_object() && report.contains("findings")) {
    terminal.line();
    terminal.line(verdict_line(report));
    for (const Text& line : finding_lines(report, terminal.width())) terminal.line(line);
  }
  return 0;
}

}  // namespace

int run_cert_show(Session& session) {
  const std::string what = session.arguments().value("WHAT");
  if (what.starts_with(kScheme)) return show_server(session, what);
  if (is_identity(what)) return show_identity(session, what);
  return show_file(session, what);
}

}  // namespace chancery::cli
