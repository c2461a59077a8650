// Backup sets: listed, shown, verified, restored, taken out and in, and tidied.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "appliance/manager/knowledge.h"
#include "appliance/manager/rehearsal.h"
#include "appliance/manager/stores.h"
#include "appliance/manager/verbs.h"
#include "keystore/x509/material.h"

namespace chancery::manager {
namespace {

using backup::BackupSet;
using backup::BackupSummary;
using nlohmann::json;

std::string joined(const std::vector<std::string>& components) {
  std::string out;
  for (const std::string& component : components) out += (out.empty() ? "" : "+") + component;
  return out;
}

json summary_json(const BackupSummary& summary) {
  json out{{"id", summary.id},
           {"created", to_rfc3339(summary.created)},
           {"generation", summary.generation},
           {"component", joined(summary.components)},
           {"components", summary.components},
           {"reason", summary.cause.reason},
           {"who", summary.cause.who},
           {"verified", summary.verified}};
  if (!summary.problem.empty()) out["problem"] = summary.problem;
  return out;
}

// The leaf of an identity in a set; null where it has none.
json leaf_json(const BackupSet& set, const std::string& identity) {
  for (const auto& [path, file] : set.files("identities/" + identity + "/certificate.pem")) {
    const Material found = read_material(view_of(file.bytes), {.source = path});
    if (!found.certificates.empty()) return preflight::to_json(found.certificates.front());
  }
  return nullptr;
}

json first_leaf_json(const BackupSet& set, Role role) {
  const std::vector<std::string> identities = identities_of(role);
  for (const std::string& component : set.summary().components) {
    if (std::find(identities.begin(), identities.end(), component) == identities.end()) continue;
    if (json leaf = leaf_json(set, component); !leaf.is_null()) return leaf;
  }
  return nullptr;
}

json listed(Bench& bench, const std::string& id) {
  try {
    const BackupSet set = bench.sets.open(id);
    json out = summary_json(set.summary());
    out["certificate"] = first_leaf_json(set, bench.appliance.role);  // null where the set concerns none
    return out;
  } catch (const Failure& failure) {
    json out = summary_json(bench.sets.summary(id));
    out["verified"] = false;
    out["certificate"] = nullptr;
    if (!out.contains("problem")) out["problem"] = failure.cause();
    return out;
  }
}

}  // namespace

json backup_list(Bench& bench, Call&) {
  json sets = json::array();
  for (const std::string& id : bench.sets.ids()) sets.push_back(listed(bench, id));
  return {{"sets", std::move(sets)}};
}

json backup_show(Bench& bench, Call& call) {
  const BackupSet set = bench.sets.open(call.text("id"));
  json out = summary_json(set.summary());
  out["certificate"] = first_leaf_json(set, bench.appliance.role);
  json files = json::array();
  for (const auto& [path, file] : set.files("")) {
    files.push_back({{"path", path}, {"size", file.bytes.size()}, {"mode", file.attributes.mode}});
  }
  out["files"] = std::move(files);
  json identities = json::array();
  for (const std::string& identity : identities_of(bench.appliance.role)) {
    if (json leaf = leaf_json(set, identity); !leaf.is_null()) {
      identities.push_back({{"identity", identity}, {"certificate", std::move(leaf)}});
    }
  }
  out["identities"] = std::move(identities);
  return out;
}

json backup_verify(Bench& bench, Call& call) {
  const std::string id = call.text("id");
  const std::vector<std::string> ids = bench.sets.ids();
  if (std::find(ids.begin(), ids.end(), id) == ids.end()) {
    // Lets the lookup itself say what is wrong with the name.
    return summary_json(bench.sets.open(id).summary());
  }
  return summary_json(bench.sets.summary(id));
}

json backup_restore(Bench& bench, Call& call) {
  const std::string id = call.text("id");
  std::vector<std::string> components = call.list("components");
  const Bench::Writer writer = bench.begin_change(call.who() + ", backup restore " + id);
  const BackupSet set = bench.sets.open(id);
  if (components.empty()) components = set.summary().components;
  change::Plan plan =
      change::plan_restore(bench.current(), bench.appliance, id, set.files(""), components, know(bench), bench.now());
  follow_foreign(bench, plan);
  return finish_rehearsed(bench, std::move(plan), call, advisory_options(call));
}

json backup_export(Bench& bench, Call& call) {
  const std::string id = call.text("id");
  const std::optional<SecretBytes> passphrase = call.secret("passphrase");
  SecretBytes bytes = bench.sets.export_set(id, passphrase ? &*passphrase : nullptr);
  json out{{"id", id}, {"bytes", bytes.size()}, {"encrypted", passphrase.has_value()}};
  call.reply_attachments.push_back(std::move(bytes));
  return out;
}

json backup_import(Bench& bench, Call& call) {
  const preflight::SourceFile file = call.file("file");
  const std::optional<SecretBytes> passphrase = call.secret("passphrase");
  const Bench::Writer writer = bench.begin_change(call.who() + ", backup import");
  if (call.flag("dry_run")) {
    json plan = summary_json(bench.sets.examine_import(view_of(file.bytes), passphrase ? &*passphrase : nullptr));
    json reply{{"outcome", "planned"}, {"id", plan["id"]}};
    plan["files"] = {{{"path", "backups/" + plan["id"].get<std::string>() + ".zip"}, {"change", "add"}}};
    reply["plan"] = std::move(plan);
    return reply;
  }
  const std::string id = bench.sets.import_set(view_of(file.bytes), passphrase ? &*passphrase : nullptr);
  json out = listed(bench, id);
  out["outcome"] = "done";
  return out;
}

json backup_prune(Bench& bench, Call& call) {
  const std::optional<std::int64_t> keep = call.number("keep");
  if (!keep || *keep < 1)
    throw bad_argument("keep", "is not a positive number", "say how many sets shall stay: --keep N");
  const Bench::Writer writer = bench.begin_change(call.who() + ", backup prune");
  const std::size_t count = static_cast<std::size_t>(*keep);
  const bool is_dry = call.flag("dry_run");
  const std::vector<std::string> removed = is_dry ? bench.sets.beyond(count, {}) : bench.sets.prune(count, {});
  const std::size_t kept = bench.sets.ids().size() - (is_dry ? removed.size() : 0);
  const char* done = is_dry ? "planned" : "done";
  return {{"outcome", removed.empty() ? "unchanged" : done}, {"removed", removed}, {"kept", kept}};
}

}  // namespace chancery::manager
