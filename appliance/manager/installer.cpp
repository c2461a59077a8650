// An installer for endpoints (P25). What is served is asked where collectors will ask, so that nobody is given a root that
// the servers do not fit, or is left without the one that they need.
#include "appliance/installer/installer.h"

#include <nlohmann/json.hpp>

#include "appliance/manager/heartbeats.h"
#include "appliance/manager/knowledge.h"
#include "appliance/manager/verbs.h"
#include "appliance/repair/repair_keys.h"
#include "appliance/settings/own_folder.h"
#include "appliance/tls/connection.h"
#include "appliance/wire/collector_messages.h"
#include "keystore/files/folder.h"
#include "keystore/trust/os_trust.h"
#include "keystore/x509/material.h"
#include "keystore/x509/pem.h"

namespace chancery::manager {
namespace {

using nlohmann::json;
using preflight::Report;
using preflight::Severity;
using preflight::SourceFile;

constexpr std::chrono::seconds patience{5};
constexpr std::size_t program_limit = std::size_t{64} * 1024 * 1024;
constexpr std::size_t most_servers = 16;

// A server that such collectors will meet, and what it presents there.
struct Station {
  std::string address;  // "engine.example.com:443"
  std::string name;     // what its certificate must answer to
  std::vector<Certificate> chain;
  std::string problem;  // why nobody knows the chain
};

// Beside the programs where they were built, below lib where they were installed; empty where it was not built.
Bytes windows_trust_bytes() {
  for (const char* place : {"chancery-trust.exe", "../lib/chancery/chancery-trust.exe"}) {
    try {
      return read_file(own_folder() + "/" + place, program_limit);
    } catch (const Failure& failure) {
      if (failure.code() != "not-found") throw;
    }
  }
  return {};
}

Bytes program_bytes(Call& call) {
  const json* given = call.object("collector");
  if (given != nullptr) {
    const SourceFile file = call.file("collector");
    return {file.bytes.begin(), file.bytes.end()};
  }
  const std::string path = own_folder() + "/chancery-collector";
  try {
    return read_file(path, program_limit);
  } catch (const Failure& failure) {
    throw Failure({.code = "no-collector",
                   .subject = path,
                   .cause = "the collector's program cannot be read: " + failure.cause(),
                   .hint = "name it: chancery collector installer --collector FILE"});
  }
}

std::string public_repair_key(Bench& bench) {
  return repair::write_shipped_key({bench.appliance.federation, repair::RepairKeys(bench.state).present_key()});
}

Station live(const std::string& host, int port, const std::string& name) {
  Station station{.address = host + ":" + std::to_string(port), .name = name, .chain = {}, .problem = {}};
  try {
    tls::ClientOptions options;
    options.verify_chain = options.verify_name = false;
    options.alpn = {wire::collector_protocol};
    const auto link = tls::Connection::connect({.host = host, .port = port, .name = name},
                                               tls::ClientContext(std::move(options)), tls::within(patience));
    station.chain = link.peer_chain();
  } catch (const Failure& failure) {
    station.problem = failure.what();
  }
  return station;
}

Station in_force(Bench& bench, const std::string& identity, const std::string& endpoint) {
  const Endpoint own = parse_endpoint(endpoint, bench.current().read("endpoints/" + endpoint + ".toml"));
  Station station{.address = bench.appliance.name + ":" + std::to_string(own.port),
                  .name = bench.appliance.name,
                  .chain = {},
                  .problem = {}};
  if (const auto material = change::read_identity(bench.current(), "identities/" + identity)) {
    station.chain.push_back(material->leaf);
    station.chain.insert(station.chain.end(), material->intermediates.begin(), material->intermediates.end());
  }
  return station;
}

struct Route {
  std::vector<std::string> servers;
  std::string portal;
  std::vector<Station> stations;
};

void add_live(Route& route, const std::string& address) {
  const ProbeAddress parsed = parse_address(address, 443);
  route.stations.push_back(live(parsed.host, parsed.port, parsed.host));
}

// A portal sends its collectors on, to each engine under that engine's own name.
void add_engines(Bench& bench, Route& route) {
  for (const auto& [name, heartbeat] : heartbeats(bench.state.path())) {
    if (!heartbeat.host.empty()) route.stations.push_back(live(heartbeat.host, heartbeat.port, name));
  }
}

std::string text_of_address(const std::string& given) {
  const ProbeAddress parsed = parse_address(given, 443);
  const bool is_v6 = parsed.host.find(':') != std::string::npos;
  return (is_v6 ? "[" + parsed.host + "]" : parsed.host) + ":" + std::to_string(parsed.port);
}

Route route_of(Bench& bench, Call& call) {
  Route route;
  for (const std::string& each : call.list("engines")) route.servers.push_back(text_of_address(each));
  if (route.servers.size() > most_servers) throw bad_argument("engines", "are more than 16", "name the nearest ones");
  const std::string portal = call.text_or("portal", "");
  if (!portal.empty() && !route.servers.empty()) {
    throw bad_argument("portal", "stands beside engines",
                       "a collector asks the portal, or tries the engines: give one");
  }
  for (const std::string& each : route.servers) add_live(route, each);
  if (!portal.empty()) {
    route.portal = text_of_address(portal);
    add_live(route, route.portal);
    add_engines(bench, route);
  } else if (route.servers.empty() && bench.appliance.role == Role::single) {
    route.stations.push_back(in_force(bench, "engine", "portal"));
    route.servers = {route.stations.front().address};
  } else if (route.servers.empty()) {
    route.stations.push_back(in_force(bench, "portal", "portal"));
    route.portal = route.stations.front().address;
    add_engines(bench, route);
  }
  return route;
}

SourceFile source_of(const std::string& name, const std::vector<Certificate>& certificates) {
  return {.name = name, .bytes = secret_copy(pem_of(certificates))};
}

// What a collector with this trust would say, at all stations.
std::vector<std::pair<const Station*, Report>> judged(const Route& route, const SourceFile& trust, Instant now) {
  std::vector<std::pair<const Station*, Report>> all;
  for (const Station& station : route.stations) {
    if (station.chain.empty()) continue;
    preflight::Question question;
    question.certificate.push_back(source_of(station.address, {station.chain.front()}));
    question.intermediate.push_back(source_of(station.address, {station.chain.begin() + 1, station.chain.end()}));
    if (station.chain.size() == 1) question.intermediate.clear();
    question.trust.push_back(SourceFile{.name = trust.name, .bytes = secret_copy(view_of(trust.bytes))});
    question.names.push_back({.role = preflight::RequiredName::Role::external, .name = station.name});
    question.at = now;
    all.emplace_back(&station, preflight::check(question, {}).report);
  }
  return all;
}

const preflight::Finding* first_error(const Report& report) {
  for (const preflight::Finding& each : report.findings) {
    if (each.severity == Severity::error) return &each;
  }
  return nullptr;
}

void note_silent(const Route& route, Report& report) {
  for (const Station& station : route.stations) {
    if (!station.chain.empty()) continue;
    report.add("not-probed", station.address,
               "nobody knows what is served there: " + (station.problem.empty() ? "no certificate" : station.problem),
               "start it, or look whether collectors reach it there, and make the installer anew");
  }
}

void judge_pinned(const Route& route, const std::vector<Certificate>& roots, Instant now, Report& report) {
  for (const auto& [station, found] : judged(route, source_of("the root", roots), now)) {
    const auto* error = first_error(found);
    if (error == nullptr) continue;
    report.add(
        error->code, station->address,
        "collectors that trust this root alone would refuse what is served there: " + error->message,
        "leave the root out (--os-trust) where endpoints trust that certificate anyway, name its own root (--root "
        "FILE), or put a certificate under this root in force first");
  }
}

void judge_os_trust(const Route& route, Instant now, Report& report) {
  SourceFile os{.name = "the operating system's trust store", .bytes = {}};
  const Bytes bundle = os_trust_bundle();
  os.bytes.assign(bundle.begin(), bundle.end());
  for (const auto& [station, found] : judged(route, os, now)) {
    const auto* error = first_error(found);
    if (error == nullptr) continue;
    const bool is_trust =
        error->code == "untrusted-root" || error->code == "missing-intermediate" || error->code == "self-signed";
    report.add_milder(Severity::warning, is_trust ? "root-left-out" : error->code, station->address,
                      is_trust
                          ? "the certificate served there is under no root of this machine's trust store: collectors "
                            "refuse it until the root is in the trust store of their machine"
                          : "collectors would refuse what is served there: " + error->message,
                      is_trust ? "distribute that root first (its own file with --root FILE; the installer's trust/ "
                                 "has scripts), or make the "
                                 "installer --with-root"
                               : error->hint);
  }
}

bool serves_under(const Route& route, const std::vector<Certificate>& roots, Instant now) {
  const auto all = judged(route, source_of("the root", roots), now);
  return !all.empty() && first_error(all.front().second) == nullptr;
}

std::vector<Certificate> given_roots(Call& call) {
  std::vector<Certificate> roots;
  for (const SourceFile& file : call.files("root")) {
    const Material found = read_material(view_of(file.bytes), {.source = file.name});
    if (found.certificates.empty()) {
      throw Failure({.code = "not-a-certificate",
                     .subject = file.name,
                     .cause = "it holds no certificate",
                     .hint = "give the root as PEM or DER"});
    }
    roots.insert(roots.end(), found.certificates.begin(), found.certificates.end());
  }
  return roots;
}

json files_json(const std::vector<installer::InstallerFile>& files) {
  json all = json::array();
  for (const auto& each : files) {
    all.push_back({{"path", each.path}, {"mode", static_cast<unsigned>(each.mode)}, {"bytes", each.bytes.size()}});
  }
  return all;
}

json certificates_json(const std::vector<Certificate>& certificates) {
  json all = json::array();
  for (const Certificate& each : certificates) all.push_back(preflight::to_json(each));
  return all;
}

}  // namespace

json collector_installer(Bench& bench, Call& call) {
  if (bench.appliance.role == Role::secondary) {
    throw Failure({.code = "not-a-primary",
                   .subject = bench.appliance.name,
                   .cause = "the repair key and the root are the primary's, and so are installers",
                   .hint = "run this on the primary, with --engine " + bench.appliance.name + ":443 for this engine"});
  }
  const std::string wanted = call.text_or("trust", "");
  if (!wanted.empty() && wanted != "with-root" && wanted != "os-trust") {
    throw bad_argument("trust", "is neither with-root nor os-trust", "leave it out, and what is served decides");
  }
  const Instant now = bench.now();
  const Route route = route_of(bench, call);
  std::vector<Certificate> roots = given_roots(call);
  const bool is_given = !roots.empty();
  if (!is_given) roots = certificates_in(bench.current(), "trust/federation/roots.pem");
  const bool serves = serves_under(route, roots, now);
  const bool pins = wanted == "with-root" || (wanted.empty() && (is_given || serves));
  // A root under which nothing is served helps nobody in an operating system's store.
  const bool distributes = pins || is_given || serves;

  Report report;
  note_silent(route, report);
  if (pins) {
    judge_pinned(route, roots, now, report);
  } else {
    judge_os_trust(route, now, report);
  }
  report.sort();
  json reply{{"trust", pins ? "with-root" : "os-trust"},
             {"servers", route.servers},
             {"portal", route.portal},
             {"roots", certificates_json(roots)},
             {"report", preflight::to_json(report)}};
  if (report.verdict() == preflight::Verdict::refuse) {
    reply["outcome"] = "refused";
    return reply;
  }
  const auto files =
      installer::installer_files({.collector = program_bytes(call),
                                  .windows_trust = distributes ? windows_trust_bytes() : Bytes{},
                                  .servers = route.servers,
                                  .portal = route.portal,
                                  .tags = call.list("tags"),
                                  .customer_key = bench.current().read_secret("customer-key/customer.key"),
                                  .repair_key = public_repair_key(bench),
                                  .pinned = pins ? roots : std::vector<Certificate>{},
                                  .distributed = distributes ? roots : std::vector<Certificate>{},
                                  .made_by = bench.appliance.name + ", chancery " CHANCERY_VERSION},
                                 now);
  reply["files"] = files_json(files);
  if (call.flag("dry_run")) {
    reply["outcome"] = "planned";
    reply["plan"] = {{"trust", reply["trust"]}, {"files", reply["files"]}};
    return reply;
  }
  SecretBytes zip = installer::write_installer(files, now);
  reply["outcome"] = "done";
  reply["sha256"] = sha256_hex(view_of(zip));
  reply["bytes"] = zip.size();
  call.reply_attachments.push_back(std::move(zip));
  return reply;
}

}  // namespace chancery::manager
