// The doctor on what serves: programs, their endpoints, outside services, and what profiles allow.
#include <nlohmann/json.hpp>

#include "appliance/change/programs.h"
#include "appliance/control/message.h"
#include "appliance/manager/doctor.h"
#include "appliance/manager/served.h"
#include "appliance/tls/probe.h"

namespace chancery::manager {
namespace {

constexpr std::chrono::seconds patience{3};

// Fingerprint of the leaf in force; "" where it cannot be told.
std::string installed_leaf(Bench& bench, const std::string& identity) {
  try {
    const auto installed = change::read_identity(bench.current(), "identities/" + identity);
    return installed ? installed->leaf.fingerprint() : "";
  } catch (const Failure&) {
    return "";
  }
}

// What a running program says it cannot do at present: a database or a mail server that it does not reach.
void examine_conditions(Examination& examination, Bench& bench, const std::string& program) {
  const control::Message reply = control::ask(bench.appliance.state + "/run/" + program + "/control.sock",
                                              {.json = R"({"verb":"status"})", .attachments = {}}, patience);
  const nlohmann::json status = nlohmann::json::parse(reply.json, nullptr, /*allow_exceptions=*/false);
  const auto text = [](const nlohmann::json& object, const char* name) {
    return object.is_object() ? object.value(name, std::string()) : std::string();
  };
  if (!status.is_object() || !status.contains("conditions")) return;
  for (const nlohmann::json& one : status["conditions"]) {
    const std::string hint = text(one, "hint");
    examination.warning(program + " " + text(one, "name"), text(one, "message"),
                        hint.empty() ? "see the log of chancery-" + program : hint);
  }
}

std::string address(const std::string& host, int port) { return host + ":" + std::to_string(port); }

void examine_program(Examination& examination, Bench& bench, const change::ProgramStatus& program) {
  const std::string check = "program " + program.program;
  const std::string unit = "chancery-" + program.program;
  if (!program.running) {
    examination.warning(check, "does not run", "start it: systemctl start " + unit);
    return;
  }
  if (!program.answering) {
    examination.critical(check, "runs, and does not answer on its control socket",
                         "see its log (journalctl -u " + unit + "), then restart it: systemctl restart " + unit);
    return;
  }
  const backup::GenerationNumber in_force = bench.current().number();
  if (program.generation != in_force) {
    examination.critical(check,
                         "serves generation " + std::to_string(program.generation) + ", but generation " +
                             std::to_string(in_force) + " is in force",
                         "restart it: systemctl restart " + unit);
    return;
  }
  examination.attempt(check, [&] { examine_conditions(examination, bench, program.program); });
  examination.ok(
      check, "runs (pid " + std::to_string(program.pid) + ") with generation " + std::to_string(program.generation));
}

void examine_endpoint(Examination& examination, Bench& bench, const ServedEndpoint& served) {
  const std::string check = "endpoint " + served.endpoint.endpoint;
  const std::string where = address(served.endpoint.host, served.endpoint.port);
  const std::string unit = "chancery-" + served.program;
  if (served.sha256.empty()) {
    examination.critical(check, where + " shakes no hands: " + served.problem,
                         "see chancery probe " + where + " and the log of " + unit);
    return;
  }
  if (served.sha256 != installed_leaf(bench, served.endpoint.identity)) {
    examination.critical(
        check,
        where + " presents " + served.sha256.substr(0, 16) + ", which is not what is in force for " +
            served.endpoint.identity,
        "restart it: systemctl restart " + unit + "; if that does not help, another program has the port");
    return;
  }
  examination.ok(check, where + " presents what is in force for " + served.endpoint.identity);
}

void examine_consumer_probe(Examination& examination, Bench& bench, const Consumer& consumer,
                            const ProbeAddress& probe) {
  const std::string check = "consumer " + consumer.name;
  const std::string where = address(probe.host, probe.port);
  const tls::ProbeResult seen = tls::probe(probe, bench.appliance.name, patience);
  if (seen.chain.empty()) {
    examination.warning(check, where + " shakes no hands: " + seen.problem,
                        "start the service, or correct the address: chancery consumer set " + consumer.name);
    return;
  }
  if (seen.chain.front().fingerprint() != installed_leaf(bench, consumer.identity)) {
    examination.critical(check, where + " presents another certificate than what is in force for " + consumer.identity,
                         "let it read current/identities/" + consumer.identity + "/ and reload it" +
                             (consumer.reload.empty() ? "" : ": " + consumer.reload));
    return;
  }
  examination.ok(check, where + " presents what is in force for " + consumer.identity);
}

void examine_consumer(Examination& examination, Bench& bench, const std::string& name) {
  const std::string check = "consumer " + name;
  const Consumer consumer = parse_consumer(name, bench.current().read("consumers/" + name + ".toml"));
  for (const std::string& line : change::missing_lines(consumer)) {
    examination.critical(check, "its configuration lacks " + line,
                         "add the line, then reload the service; chancery consumer show " + name + " lists all");
  }
  for (const ProbeAddress& probe : consumer.probe) examine_consumer_probe(examination, bench, consumer, probe);
  if (consumer.probe.empty()) examination.ok(check, "is not probed: it names no address");
}

void examine_profile(Examination& examination, Bench& bench, const std::string& name) {
  const std::string check = "profile " + name;
  const SecurityProfile profile = parse_profile(name, bench.current().read("profiles/" + name + ".toml"));
  bool said = false;
  if (profile.required_level == SecurityLevel::none) {
    examination.warning(check, "allows plain text",
                        "demand TLS: chancery profile set " + name + " required-level=TLSNoPeerAuth");
    said = true;
  }
  const bool asks =
      profile.client_certificates != ClientCertificates::off || profile.required_level == SecurityLevel::tls_peer_auth;
  if (asks && profile.trusted.empty()) {
    examination.warning(check, "asks for client certificates and trusts none",
                        "name the CAs of the clients: chancery profile set " + name + " trusted=FILE");
    said = true;
  }
  if (!said) examination.ok(check, profile.minimum_protocol + " and later");
}

std::vector<std::string> names_in(Bench& bench, const std::string& folder) {
  std::vector<std::string> names;
  for (const std::string& path : bench.current().files(folder + "/")) {
    if (!path.ends_with(".toml")) continue;
    names.push_back(path.substr(folder.size() + 1, path.size() - folder.size() - 6));
  }
  return names;
}

}  // namespace

void examine_programs(Examination& examination, Bench& bench) {
  std::vector<change::ProgramStatus> programs;
  examination.attempt("programs", [&] { programs = programs_now(bench); });
  for (const change::ProgramStatus& program : programs) {
    examination.attempt("program " + program.program, [&] { examine_program(examination, bench, program); });
  }
  examination.attempt("endpoints", [&] { examination.served = look_at_served(bench.appliance, programs); });
  for (const ServedEndpoint& one : examination.served) {
    examination.attempt("endpoint " + one.endpoint.endpoint, [&] { examine_endpoint(examination, bench, one); });
  }
}

void examine_policy(Examination& examination, Bench& bench) {
  const auto each = [&](const char* folder, const std::string& noun,
                        void (*look)(Examination&, Bench&, const std::string&)) {
    std::vector<std::string> names;
    examination.attempt(folder, [&] { names = names_in(bench, folder); });
    for (const std::string& name : names) {
      examination.attempt(noun + " " + name, [&] { look(examination, bench, name); });
    }
  };
  each("profiles", "profile", examine_profile);
  each("consumers", "consumer", examine_consumer);
}

}  // namespace chancery::manager
