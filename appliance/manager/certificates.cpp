// Certificates put in force: check, replace, reset.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "appliance/manager/knowledge.h"
#include "appliance/manager/pending_keys.h"
#include "appliance/manager/pinned_collectors.h"
#include "appliance/manager/rehearsal.h"
#include "appliance/manager/verbs.h"
#include "keystore/x509/material.h"

namespace chancery::manager {
namespace {

using nlohmann::json;
using preflight::Question;
using preflight::SourceFile;

Question question_of(const Call& call, Instant now) {
  Question question;
  question.certificate = call.files("certificate");
  question.key = call.files("key");
  question.intermediate = call.files("intermediate");
  question.trust = call.files("trust");
  question.also_trust = call.files("also_trust");
  question.passphrase = call.secret("passphrase");
  const std::vector<std::string> accepted = call.list("accept");
  question.accepted = {accepted.begin(), accepted.end()};
  question.keep_root = call.flag("keep_root");
  question.at = now;
  if (question.certificate.empty()) {
    throw bad_argument("certificate", "is missing", "name the file with the certificate (--certificate FILE)");
  }
  return question;
}

std::vector<Certificate> certificates_of(const std::vector<SourceFile>& files, const Question& question) {
  std::vector<Certificate> out;
  for (const SourceFile& file : files) {
    const SecretBytes* passphrase = question.passphrase ? &*question.passphrase : nullptr;
    const Material found = read_material(view_of(file.bytes), {.source = file.name, .passphrase = passphrase});
    out.insert(out.end(), found.certificates.begin(), found.certificates.end());
  }
  return out;
}

std::vector<std::string> identities_asked_for(const Bench& bench, const Call& call) {
  std::vector<std::string> identities = call.list("identities");
  if (identities.empty()) return replacement_group(bench.appliance.role);
  std::vector<std::string> unique;
  for (const std::string& identity : identities) {
    expect_replaceable(bench.appliance, identity);
    if (std::find(unique.begin(), unique.end(), identity) == unique.end()) unique.push_back(identity);
  }
  return unique;
}

// A pending request of these identities is answered by the certificate whose key it made.
void drop_pending(change::Plan& plan, const backup::Generation& base, const PendingKey& pending) {
  for (const std::string& path : base.files(pending.folder() + "/")) plan.edits[path] = std::nullopt;
}

}  // namespace

json cert_check(Bench& bench, Call& call) {
  Question question = question_of(call, bench.now());
  if (const std::string at = call.text_or("at", ""); !at.empty()) question.at = from_rfc3339(at);
  const std::string purpose = call.text_or("purpose", "server");
  if (purpose != "server" && purpose != "client") {
    throw bad_argument("purpose", "there is no purpose \"" + purpose + "\"", "the purposes are server and client");
  }
  question.purpose = purpose == "client" ? preflight::Purpose::client : preflight::Purpose::server;
  for (const std::string& name : call.list("names")) {
    question.names.push_back({.role = preflight::RequiredName::Role::external, .name = name});
  }
  preflight::Knowledge knowledge = know(bench);
  knowledge.federated = true;  // files are looked at, nothing is about to be replaced
  return preflight::to_json(preflight::check(question, knowledge).report);
}

json cert_replace(Bench& bench, Call& call) {
  const std::vector<std::string> identities = identities_asked_for(bench, call);
  Question question = question_of(call, bench.now());
  const Bench::Writer writer = bench.begin_change(call.who() + ", cert replace");
  question.names = required_names(bench.appliance, identities);
  question.needs_key = true;
  std::optional<PendingKey> pending;
  if (question.key.empty()) {
    pending = find_waiting_key(bench, certificates_of(question.certificate, question), identities);
    if (pending) {
      question.waiting_key = pending->key;
    } else if (auto requested = requested_key(bench, identities)) {
      // A certificate for another key than the one that waits, without a key of its own, is refused as key-mismatch.
      question.waiting_key = std::move(requested->key);
    }
  }
  preflight::Knowledge knowledge = know(bench);
  const auto serves_collectors = [](const std::string& identity) {
    return identity.starts_with("engine") || identity.starts_with("portal");
  };
  if (std::ranges::any_of(identities, serves_collectors)) {
    knowledge.pinned_collectors = pinned_collectors(bench.appliance.state);
  }
  const preflight::Answer answer = preflight::check(question, knowledge);
  if (!answer.identity || answer.report.verdict() == preflight::Verdict::refuse) {
    change::Plan refused;
    refused.reason = "replace";
    refused.identities = identities;
    refused.report = answer.report;
    return finish(bench, std::move(refused), call);
  }
  change::Plan plan = change::plan_replace(bench.current(), bench.appliance, identities, answer,
                                           certificates_of(question.also_trust, question));
  if (pending && pending->is_request) drop_pending(plan, bench.current(), *pending);
  return finish_rehearsed(bench, std::move(plan), call, rehearsal_options(call));
}

json cert_reset(Bench& bench, Call& call) {
  const std::string identity = call.text("identity");
  expect_replaceable(bench.appliance, identity);
  const Bench::Writer writer = bench.begin_change(call.who() + ", cert reset " + identity);
  change::Plan plan = change::plan_reset(bench.current(), bench.appliance, identity, know(bench), bench.now());
  return finish_rehearsed(bench, std::move(plan), call, advisory_options(call));
}

}  // namespace chancery::manager
