#include "appliance/manager/witness.h"

#include <nlohmann/json.hpp>

#include "appliance/manager/progress.h"
#include "keystore/x509/material.h"

namespace chancery::manager {
namespace {

using audit::Record;
using audit::Trail;
using nlohmann::json;

constexpr std::size_t most_leaves = 64;

std::string leaf_of(const backup::Generation& generation, const std::string& identity) {
  const std::string path = "identities/" + identity + "/certificate.pem";
  if (!generation.has(path)) return "";
  const Material found = read_material(generation.read(path), {.source = path});
  return found.certificates.empty() ? "" : found.certificates.front().fingerprint();
}

// SHA-256 of the leaves that are others than before.
json changed_leaves(Bench& bench, backup::GenerationNumber from, backup::GenerationNumber to) {
  json leaves = json::array();
  if (from == to || from == 0 || to == 0) return leaves;
  try {
    const backup::Generation before = bench.generations.open(from);
    const backup::Generation after = bench.generations.open(to);
    for (const std::string& identity : identities_of(bench.appliance.role)) {
      const std::string old_leaf = leaf_of(before, identity);
      const std::string new_leaf = leaf_of(after, identity);
      if (old_leaf != new_leaf) leaves.push_back({{"identity", identity}, {"before", old_leaf}, {"after", new_leaf}});
    }
  } catch (const std::exception&) {
    // A generation that retention has removed or that is damaged: the record says which ones it was about.
  }
  return leaves;
}

// What the authority issued or revoked by a verb that is no matter of generations.
void add_issued(json& leaves, const json& reply) {
  if (const auto issued = reply.find("certificate");
      issued != reply.end() && issued->is_object() && issued->contains("sha256")) {
    leaves.push_back({{"identity", "issued"}, {"before", ""}, {"after", (*issued)["sha256"]}});
  }
  const auto revoked = reply.find("revoked");
  if (revoked == reply.end() || !revoked->is_array()) return;
  for (const json& certificate : *revoked) {
    if (leaves.size() >= most_leaves) return;
    if (certificate.is_object() && certificate.contains("sha256")) {
      leaves.push_back({{"identity", "revoked"}, {"before", certificate["sha256"]}, {"after", ""}});
    }
  }
}

std::string first_error(const json& reply) {
  const auto report = reply.find("report");
  if (report == reply.end() || !report->is_object()) return "refused";
  for (const json& finding : report->value("findings", json::array())) {
    if (finding.value("severity", "") == "error") return finding.value("code", "refused");
  }
  return "refused";
}

Record record_of(const Deed& deed, Instant now) {
  Record record;
  record.time = now;
  record.kind = "change";
  record.who = deed.who;
  record.verb = deed.verb;
  record.arguments = deed.arguments;
  record.from = static_cast<std::int64_t>(deed.from);
  record.to = record.from;
  return record;
}

void write(Bench& bench, const Record& record) {
  Progress::of_process().ended(record.verb, record.who, record.outcome, record.code, record.to);
  Trail& trail = bench.trail();
  if (bench.deed->change.empty()) {
    static_cast<void>(trail.append(record));
  } else {
    static_cast<void>(trail.conclude(bench.deed->change, record));
  }
}

void conclude(Bench& bench, json& reply) {
  const std::string outcome = reply.is_object() ? reply.value("outcome", "done") : "done";
  const Deed& deed = *bench.deed;
  if (outcome == "unchanged" || outcome == "planned") {
    if (!deed.change.empty()) bench.trail().forget(deed.change);
    Progress::of_process().ended(deed.verb, deed.who, outcome, "", static_cast<std::int64_t>(deed.from));
    return;
  }
  Record record = record_of(deed, bench.now());
  record.outcome = outcome;
  if (outcome == "refused") {
    record.code = first_error(reply);
  } else if (!deed.change.empty()) {
    record.to = static_cast<std::int64_t>(bench.generations.current_number());
    json leaves = changed_leaves(bench, deed.from, bench.generations.current_number());
    add_issued(leaves, reply);
    record.leaves = leaves.dump();
  }
  write(bench, record);
}

void conclude_failed(Bench& bench, const Failure* failure) noexcept {
  try {
    const Deed& deed = *bench.deed;
    Record record = record_of(deed, bench.now());
    record.code = failure == nullptr ? "unexpected" : failure->code();
    record.outcome = deed.was_staged ? "rolled-back" : "refused";
    if (!deed.change.empty()) record.to = static_cast<std::int64_t>(bench.generations.current_number());
    if (failure != nullptr && failure->needs_person()) record.outcome = "needs-person";
    // A change that stays in doubt keeps its intent: how it ends is not known yet.
    if (!deed.change.empty() && bench.state.status("change.json")) return;
    write(bench, record);
  } catch (const std::exception&) {
    // Where nothing can be written the intent stays for the next one; without one, what failed changed nothing.
  }
}

}  // namespace

json witnessed(Bench& bench, Deed deed, const std::function<json()>& work) {
  bench.deed = std::move(deed);
  json reply;
  try {
    reply = work();
  } catch (const Failure& failure) {
    conclude_failed(bench, &failure);
    throw;
  } catch (const std::exception&) {
    conclude_failed(bench, nullptr);
    throw;
  }
  try {
    conclude(bench, reply);
  } catch (const std::exception& error) {
    if (!reply.contains("warnings")) reply["warnings"] = json::array();
    reply["warnings"].push_back("the audit's record of this waits for the next change: " + std::string(error.what()));
  }
  return reply;
}

void begin_deed(Bench& bench) {
  Deed& deed = *bench.deed;
  deed.from = bench.generations.has_current() ? bench.generations.current_number() : 0;
  const std::string id = audit::new_change_id();
  bench.trail().begin({.change = id,
                       .time = bench.now(),
                       .who = deed.who,
                       .verb = deed.verb,
                       .arguments = deed.arguments,
                       .from = static_cast<std::int64_t>(deed.from)});
  deed.change = id;
  Progress::of_process().begun(deed.verb, deed.who);
}

void settle_deeds(Bench& bench, const std::optional<change::Resolution>& resolved) noexcept {
  try {
    if (!Trail::exists(bench.state)) return;
    Trail& trail = bench.trail();
    const std::vector<audit::Intent> left = trail.intents();
    const auto present = static_cast<std::int64_t>(bench.generations.current_number());
    for (const audit::Intent& intent : left) {
      Record record;
      record.time = bench.now();
      record.kind = "change";
      record.who = intent.who;
      record.verb = intent.verb;
      record.arguments = intent.arguments;
      record.from = intent.from;
      record.to = present;
      record.code = "interrupted";
      const bool is_done = resolved ? resolved->committed : present != intent.from;
      record.outcome = is_done ? "done" : resolved ? "rolled-back" : "interrupted";
      record.leaves =
          changed_leaves(bench, static_cast<backup::GenerationNumber>(intent.from), bench.generations.current_number())
              .dump();
      static_cast<void>(trail.conclude(intent.change, record));
    }
    if (!resolved || !left.empty()) return;
    // A change that nobody announced: by a version without an audit, or by a hand that removed the intent.
    Record record;
    record.time = bench.now();
    record.kind = "change";
    record.who = "chancery";
    record.verb = "resolve";
    record.arguments = json{{"explanation", resolved->explanation}}.dump();
    record.from = record.to = present;
    record.outcome = resolved->committed ? "done" : "rolled-back";
    record.code = "interrupted";
    static_cast<void>(trail.append(record));
  } catch (const std::exception&) {
    // The intents stay.
  }
}

void record_event(Bench& bench, audit::Record record) {
  record.time = bench.now();
  Progress::of_process().recorded(record.verb, record.who, record.outcome);
  static_cast<void>(bench.trail().append(std::move(record)));
}

}  // namespace chancery::manager
