#include "appliance/manager/served.h"

#include <future>

#include "appliance/tls/probe.h"

namespace chancery::manager {
namespace {

constexpr std::chrono::seconds patience{3};

ServedEndpoint look(const std::string& program, const change::ProgramEndpoint& endpoint, const std::string& name) {
  ServedEndpoint seen{.endpoint = endpoint, .program = program, .sha256 = {}, .chain = {}, .problem = {}};
  ProbeAddress address;
  address.host = endpoint.host;
  address.port = endpoint.port;
  tls::ProbeResult result = tls::probe(address, name, patience);
  seen.problem = result.problem;
  if (!result.chain.empty()) {
    seen.sha256 = result.chain.front().fingerprint();
    seen.chain = std::move(result.chain);
  } else if (seen.problem.empty()) {
    seen.problem = "presented no certificate";
  }
  return seen;
}

}  // namespace

std::vector<ServedEndpoint> look_at_served(const Appliance& appliance,
                                           const std::vector<change::ProgramStatus>& programs) {
  std::vector<std::future<ServedEndpoint>> looks;
  for (const change::ProgramStatus& program : programs) {
    for (const change::ProgramEndpoint& endpoint : program.endpoints) {
      looks.push_back(std::async(std::launch::async, look, program.program, endpoint, appliance.name));
    }
  }
  std::vector<ServedEndpoint> out;
  for (auto& one : looks) out.push_back(one.get());
  return out;
}

std::vector<change::ProgramStatus> programs_now(Bench& bench) {
  try {
    return bench.programs->status();
  } catch (const Failure& failure) {
    if (failure.code() != "program-silent") throw;
  }
  // One of them does not answer, and the question goes to all: what the run locks say is still known.
  std::vector<change::ProgramStatus> out;
  for (const std::string& program : programs_of(bench.appliance.role)) {
    change::ProgramStatus one;
    one.program = program;
    one.running = FileLock::is_held(bench.appliance.state + "/run/" + program + "/lock");
    out.push_back(one);
  }
  return out;
}

}  // namespace chancery::manager
