#include <nlohmann/json.hpp>

#include "appliance/change/plan_stores.h"
#include "appliance/manager/witness.h"

namespace chancery::manager {
namespace {

using change::Step;
using nlohmann::json;

json proofs_json(const std::vector<change::Outcome::Proof>& proofs) {
  json out = json::array();
  for (const auto& proof : proofs) {
    if (proof.sha256.empty()) continue;  // no certificate was seen: collectors that were watched
    out.push_back(
        {{"endpoint", proof.endpoint}, {"identity", proof.identity}, {"sha256", proof.sha256}, {"ok", proof.ok}});
  }
  return out;
}

json steps_json(const std::vector<std::pair<Step, double>>& steps) {
  json out = json::object();
  for (const auto& [step, milliseconds] : steps) out[change::to_text(step)] = milliseconds;
  return out;
}

// Only what is in force can be edited and undone; its parent's copy is for a change that is taken back by hand.
void retain_pristine(Bench& bench) {
  const backup::Generation in_force = bench.generations.current();
  for (const backup::GenerationNumber number : bench.sets.pristine_numbers()) {
    if (number != in_force.number() && number != in_force.manifest().parent) bench.sets.remove_pristine(number);
  }
}

// The change is committed: housekeeping that fails is told and takes nothing back.
void keep_house(Bench& bench, json& reply) {
  try {
    bench.retain();
    retain_pristine(bench);
  } catch (const Failure& failure) {
    reply["warnings"] = {"old generations and backup sets were not tidied: " + std::string(failure.what())};
  }
}

json carried_out(Bench& bench, change::Plan plan, const Call& call, json reply) {
  const backup::Cause cause{.reason = plan.reason, .who = call.who(), .when = bench.now()};
  const double planned = call.milliseconds();
  const change::Outcome outcome = change::Transaction(bench.workplace()).run(std::move(plan), cause);
  reply["generation"] = outcome.generation;
  reply["outcome"] = outcome.step == Step::committed ? "done" : "unchanged";
  reply["backup_set"] = outcome.backup_set;
  reply["proofs"] = proofs_json(outcome.proofs);
  for (const auto& proof : outcome.proofs) {
    if (proof.sha256.empty()) reply["watched"] = proof.endpoint;
  }
  reply["milliseconds"] = steps_json(outcome.milliseconds);
  // From the request to the plan (waiting for the lock included), and to the commit.
  reply["milliseconds"]["planned"] = planned;
  reply["milliseconds"]["total"] = call.milliseconds();
  if (outcome.step == Step::committed) keep_house(bench, reply);
  return reply;
}

}  // namespace

json finish(Bench& bench, change::Plan plan, const Call& call) {
  change::upgrade_portal_trust(plan, bench.current(), bench.appliance, bench.now());
  const backup::GenerationNumber before = bench.current().number();
  json reply{{"reason", plan.reason},
             {"identities", plan.identities},
             {"generation", before},
             {"report", preflight::to_json(plan.report)}};
  if (plan.report.verdict() == preflight::Verdict::refuse) {
    reply["outcome"] = "refused";
    return reply;
  }
  if (plan.is_empty() && plan.adopt == backup::Adopt::no) {
    reply["outcome"] = "unchanged";
    return reply;
  }
  if (call.flag("dry_run")) {
    reply["outcome"] = "planned";
    reply["plan"] = change::describe(plan, bench.current(), bench.appliance);
    return reply;
  }
  if (bench.deed) return carried_out(bench, std::move(plan), call, std::move(reply));
  // Whoever came here without a witness (a timer) gets one.
  Deed deed{.who = call.who(), .verb = plan.reason, .arguments = "{}"};
  return witnessed(bench, std::move(deed), [&] {
    begin_deed(bench);
    return carried_out(bench, std::move(plan), call, std::move(reply));
  });
}

}  // namespace chancery::manager
