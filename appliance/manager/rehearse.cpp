// `chancery rehearse`: who would break, and nothing is changed.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "appliance/manager/knowledge.h"
#include "appliance/manager/policy_change.h"
#include "appliance/manager/rehearsal.h"
#include "appliance/manager/stores.h"
#include "appliance/manager/verbs.h"
#include "keystore/x509/material.h"

namespace chancery::manager {
namespace {

using nlohmann::json;

// The chain as `cert replace` would send it, whatever else is wrong with it: clients are to say so.
Candidate candidate_of(Bench& bench, const Call& call, std::vector<std::string> identities) {
  preflight::Question question;
  question.certificate = call.files("certificate");
  question.intermediate = call.files("intermediate");
  question.also_trust = call.files("also_trust");
  question.passphrase = call.secret("passphrase");
  question.keep_root = call.flag("keep_root");
  question.at = bench.now();
  const preflight::Answer answer = preflight::check(question, know(bench));
  if (!answer.identity) {
    throw Failure({.code = "not-a-certificate",
                   .subject = question.certificate.front().name,
                   .cause = "there is no server certificate in it",
                   .hint = "chancery cert check --certificate FILE explains what was found"});
  }
  Candidate candidate{.identities = std::move(identities), .chain = {answer.identity->leaf}, .roots = {}};
  for (const Certificate& above : answer.identity->intermediates) candidate.chain.push_back(above);
  const std::vector<Certificate>& built = answer.report.chain;
  if (!built.empty() && built.back().is_self_issued()) candidate.roots.push_back(built.back());
  return candidate;
}

std::vector<std::string> identities_for(const Bench& bench, const Call& call) {
  const std::vector<std::string> given = call.list("identities");
  for (const std::string& identity : given) expect_replaceable(bench.appliance, identity);
  return given.empty() ? replacement_group(bench.appliance.role) : given;
}

std::vector<std::string> programs_for(Bench& bench, const Call& call) {
  switch (target_of(bench, call.text("store")).kind) {
    case Target::Kind::engine:
      return {"engine"};
    case Target::Kind::portal:
      return {"portal"};
    default:
      break;
  }
  throw bad_argument("store", "is not one that a program of this appliance trusts by",
                     "name engine or portal; who trusts by another store is not known here");
}

Rehearsed removal(Bench& bench, const Call& call, const std::vector<std::string>& given,
                  std::chrono::milliseconds deadline) {
  std::vector<std::string> fingerprints;
  for (const std::string& one : given) fingerprints.push_back(change::normal_fingerprint(one));
  if (!call.text_or("store", "").empty()) {
    return rehearse_removal(bench, programs_for(bench, call), fingerprints, deadline);
  }
  // Nobody is to trust it any more: members and collectors too, of what is served to them now.
  return rehearse_retirement(bench, fingerprints, deadline);
}

Rehearsed profile_change(Bench& bench, const Call& call, const std::string& name, std::chrono::milliseconds deadline) {
  const json* settings = call.object("settings");
  if (settings == nullptr || settings->empty()) {
    throw bad_argument("settings", "is missing", "say what is to be rehearsed, as KEY=VALUE");
  }
  return rehearse_profile(bench, profile_with(bench, name, *settings), deadline);
}

}  // namespace

json rehearse_change(Bench& bench, Call& call) {
  const RehearsalOptions options = rehearsal_options(call);
  const std::vector<std::string> removed = call.list("remove_trust");
  const std::string profile = call.text_or("profile", "");
  const bool has_certificate = !call.files("certificate").empty();
  if (static_cast<int>(has_certificate) + static_cast<int>(!removed.empty()) + static_cast<int>(!profile.empty()) !=
      1) {
    throw bad_argument("certificate", "is to be rehearsed, or trust that goes, or a profile: one of the three",
                       "for example: chancery rehearse --certificate new.pem");
  }
  Rehearsed rehearsed;
  if (has_certificate) {
    rehearsed = rehearse(bench, {candidate_of(bench, call, identities_for(bench, call))}, options.deadline);
  } else if (!removed.empty()) {
    rehearsed = removal(bench, call, removed, options.deadline);
  } else {
    rehearsed = profile_change(bench, call, profile, options.deadline);
  }
  return to_json(rehearsed);
}

}  // namespace chancery::manager
