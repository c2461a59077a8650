// What runs, what is in force, and what is in doubt.
#include <nlohmann/json.hpp>

#include "appliance/manager/federation_facts.h"
#include "appliance/manager/served.h"
#include "appliance/manager/verbs.h"

namespace chancery::manager {
namespace {

using nlohmann::json;

json appliance_json(const Appliance& appliance) {
  return {{"name", appliance.name},          {"internal_name", appliance.internal_name},
          {"role", to_text(appliance.role)}, {"state", appliance.state},
          {"names", appliance.all_names()},  {"separate_users", appliance.separate_users}};
}

json program_json(const change::ProgramStatus& program) {
  json endpoints = json::array();
  for (const change::ProgramEndpoint& endpoint : program.endpoints) {
    endpoints.push_back({{"endpoint", endpoint.endpoint},
                         {"identity", endpoint.identity},
                         {"host", endpoint.host},
                         {"port", endpoint.port},
                         {"sha256", endpoint.sha256}});
  }
  json out{{"program", program.program},
           {"running", program.running},
           {"answering", program.answering},
           {"endpoints", std::move(endpoints)}};
  if (program.answering) {
    out["pid"] = program.pid;
    out["generation"] = program.generation;
  }
  return out;
}

json in_doubt_json(Bench& bench) {
  const auto change = backup::Journal(bench.state).read();
  if (!change) return nullptr;
  const bool at_work = FileLock::is_held(bench.appliance.state + "/lock");
  return {{"from", change->from},     {"to", change->to},
          {"step", change->step},     {"reason", change->cause.reason},
          {"who", change->cause.who}, {"when", to_rfc3339(change->cause.when)},
          {"at_work", at_work}};  // true: the change is going on right now, and not in doubt
}

// Threat 10: where a join stands.
std::string join_state(Bench& bench) {
  if (bench.appliance.role != Role::secondary) return "primary";
  if (FederationFacts::read(bench.current())) return "joined";
  return bench.state.status("secrets/join") ? "join-unfinished" : "not-joined";
}

json last_resolution_json(Bench& bench) {
  const auto last = last_resolution(bench.state);
  if (!last) return nullptr;
  return {{"when", to_rfc3339(last->when)},
          {"committed", last->resolution.committed},
          {"generation", last->resolution.generation},
          {"explanation", last->resolution.explanation}};
}

}  // namespace

json status(Bench& bench, Call&) {
  json programs = json::array();
  for (const change::ProgramStatus& program : programs_now(bench)) programs.push_back(program_json(program));
  json out{{"appliance", appliance_json(bench.appliance)},
           {"generation", bench.current().number()},
           {"in_doubt", in_doubt_json(bench)},
           {"last_resolution", last_resolution_json(bench)},
           {"drift", bench.current().drift().size()},
           {"federation", {{"id", bench.appliance.federation}, {"state", join_state(bench)}}},
           {"manager", {{"running", FileLock::is_held(bench.appliance.state + "/run/manager/lock")}}},
           {"programs", std::move(programs)}};
  if (const auto facts = FederationFacts::read(bench.current())) {
    out["federation"]["portal"] = facts->portal_host + ":" + std::to_string(facts->portal_port);
    out["federation"]["authority"] = facts->authority_host + ":" + std::to_string(facts->authority_port);
  }
  return out;
}

json resolve(Bench& bench, Call& call) {
  const Bench::Writer writer = bench.begin_change(call.who() + ", resolve");
  json out{{"outcome", "unchanged"}, {"generation", bench.current().number()}};
  if (!writer.resolved) return out;
  out["outcome"] = "done";
  out["committed"] = writer.resolved->committed;
  out["explanation"] = writer.resolved->explanation;
  return out;
}

}  // namespace chancery::manager
