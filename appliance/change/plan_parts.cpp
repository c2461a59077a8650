#include "appliance/change/plan_parts.h"

#include <algorithm>
#include <array>

#include "appliance/change/generation_policy.h"
#include "appliance/change/programs.h"

namespace chancery::change {
namespace {

bool same_attributes(const FileAttributes& wanted, const FileStatus& present) {
  return wanted.mode == present.mode && wanted.owner.value_or(present.owner) == present.owner &&
         wanted.group.value_or(present.group) == present.group;
}

bool changes_nothing(const std::string& path, const std::optional<backup::NewFile>& edit,
                     const backup::Generation& base) {
  const auto status = base.folder().status(path);
  if (!edit) return !status;
  if (!status || status->kind != FileStatus::Kind::file || !same_attributes(edit->attributes, *status)) return false;
  if (status->size != edit->bytes.size()) return false;
  return secret_equal(view_of(base.read_secret(path)), view_of(edit->bytes));
}

// The consumers that will read the plan's identities, and those that the plan itself edits.
std::vector<Consumer> consumers_concerned(const Plan& plan, const backup::Generation& base) {
  std::vector<Consumer> consumers = consumers_after(base, plan.edits);
  std::erase_if(consumers, [&](const Consumer& consumer) {
    const bool reads_one =
        std::find(plan.identities.begin(), plan.identities.end(), consumer.identity) != plan.identities.end();
    return !reads_one && !plan.edits.contains("consumers/" + consumer.name + ".toml");
  });
  return consumers;
}

}  // namespace

void finish_plan(Plan& plan, const backup::Generation& base) {
  plan.base = base.number();
  std::erase_if(plan.edits, [&](const auto& edit) { return changes_nothing(edit.first, edit.second, base); });
  for (const auto& [path, edit] : plan.edits) {
    const std::string component = component_of(path);
    if (std::find(plan.components.begin(), plan.components.end(), component) == plan.components.end()) {
      plan.components.push_back(component);
    }
  }
  if (plan.is_empty()) return;
  for (const Consumer& consumer : consumers_concerned(plan, base)) {
    for (const std::string& line : missing_lines(consumer)) {
      const std::string file = line.substr(0, line.find(':'));
      plan.report.add("consumer-config", "consumer " + consumer.name,
                      "its configuration does not hold the line it needs: " + line,
                      "put that line into " + file + ", or correct what is required with chancery consumer set " +
                          consumer.name + " --requires");
    }
  }
}

std::string component_of(const std::string& path) {
  const std::size_t first = path.find('/');
  if (first == std::string::npos) return path;
  std::string top = path.substr(0, first);
  const std::size_t second = path.find('/', first + 1);
  if (second == std::string::npos) return top;
  if (top == "foreign") return path;  // outside the state, each for itself
  if (top == "identities") return path.substr(first + 1, second - first - 1);
  return path.substr(0, second);
}

std::string prefix_of_component(const std::string& component) {
  static constexpr std::array folders{"profiles", "endpoints",  "consumers", "trust",       "rules",
                                      "defaults", "federation", "pending",   "customer-key"};
  const bool is_folder =
      component.find('/') != std::string::npos || std::find(folders.begin(), folders.end(), component) != folders.end();
  return is_folder ? component + "/" : "identities/" + component + "/";
}

bool never_goes_back(const std::string& path) {
  static constexpr std::array prefixes{"customer-key/", "federation/", "trust/federation/", "trust/managed/",
                                       "pending/"};
  return std::any_of(prefixes.begin(), prefixes.end(), [&](const char* prefix) { return path.starts_with(prefix); });
}

std::vector<preflight::RequiredName> names_of_identity(const Appliance& appliance, const std::string& identity) {
  using preflight::RequiredName;
  if (identity == "member" || identity == "authority-tls") return {};
  std::vector<RequiredName> names{{.role = RequiredName::Role::external, .name = appliance.name}};
  if (identity == "engine" && appliance.internal_name != appliance.name) {
    names.push_back({.role = RequiredName::Role::internal, .name = appliance.internal_name});
  }
  return names;
}

preflight::Report judge_former(const preflight::Identity& identity, const std::string& name, const Appliance& appliance,
                               const preflight::Knowledge& knowledge, Instant now) {
  preflight::Report report = preflight::check_identity(identity, knowledge, names_of_identity(appliance, name), now);
  static constexpr std::array refused{"revoked", "retired-anchor", "key-mismatch", "key-missing"};
  for (preflight::Finding& finding : report.findings) {
    const bool stays = std::find(refused.begin(), refused.end(), finding.code) != refused.end();
    if (finding.severity == preflight::Severity::error && !stays) finding.severity = preflight::Severity::warning;
  }
  if (identity.key && !identity.key->belongs_to(identity.leaf) && !report.has("key-mismatch")) {
    report.add("key-mismatch", name, "the key does not belong to the certificate",
               "choose another set or generation; chancery backup list and chancery generation list show them");
  }
  return report;
}

void merge(preflight::Report& into, preflight::Report&& from) {
  std::move(from.findings.begin(), from.findings.end(), std::back_inserter(into.findings));
  if (into.chain.empty()) into.chain = std::move(from.chain);
}

}  // namespace chancery::change
