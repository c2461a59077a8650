// Undoing edits by hand: the next generation is what the one in force was when it was made, to the byte and the mode.
//
// Nothing is judged anew: all of it was judged when it came into force, and what runs serves it still. Refusing it now,
// because a leaf has expired since or the editor broke the trust store it was judged by, would leave no way out.

#include <algorithm>
#include <set>

#include "appliance/change/plan_parts.h"
#include "backup/generations/plain_path.h"

namespace chancery::change {
namespace {

using Files = std::map<std::string, backup::NewFile>;

constexpr std::string_view toml_ending = ".toml";

std::set<std::string> identities_behind_policy(const Files& pristine) {
  std::set<std::string> identities;
  for (const auto& [path, file] : pristine) {
    const std::size_t slash = path.find('/');
    if (slash == std::string::npos || !path.ends_with(toml_ending)) continue;
    const std::string folder = path.substr(0, slash);
    const std::string name = path.substr(slash + 1, path.size() - slash - 1 - toml_ending.size());
    if (folder == "endpoints") {
      const Endpoint endpoint = parse_endpoint(name, view_of(file.bytes));
      if (endpoint.enabled) identities.insert(endpoint.identity);
    } else if (folder == "consumers") {
      identities.insert(parse_consumer(name, view_of(file.bytes)).identity);
    }
  }
  return identities;
}

// Whose endpoints have to be looked at: identities that were edited, and all that a policy edited by hand may concern.
std::vector<std::string> identities_of(const Plan& plan, const Files& pristine) {
  static const std::string prefix = "identities/";
  std::set<std::string> identities;
  bool is_policy_edited = false;
  for (const auto& [path, edit] : plan.edits) {
    const std::size_t end = path.find('/', prefix.size());
    if (path.starts_with(prefix) && end != std::string::npos) {
      identities.insert(path.substr(prefix.size(), end - prefix.size()));
    }
    is_policy_edited |=
        path.starts_with("endpoints/") || path.starts_with("profiles/") || path.starts_with("consumers/");
  }
  if (is_policy_edited) identities.merge(identities_behind_policy(pristine));
  std::erase_if(identities,
                [&](const std::string& name) { return !pristine.contains(prefix + name + "/certificate.pem"); });
  return {identities.begin(), identities.end()};
}

}  // namespace

Plan plan_undo(const backup::Generation& base, const Files& pristine) {
  Plan plan;
  plan.reason = "undo edits by hand";
  plan.base = base.number();
  const std::vector<backup::Drift> edited = base.drift();
  if (edited.empty()) return plan;
  plan.adopt = backup::Adopt::undo;
  for (const backup::Drift& drift : edited) {
    plan.report.add("drift", drift.path, drift.message, "the next generation has it as it was made");
    if (drift.kind == backup::Drift::Kind::extra && backup::is_plain_path(drift.path)) {
      plan.edits[drift.path] = std::nullopt;
    }
  }
  for (const auto& [path, file] : pristine) plan.edits[path] = file;
  const bool is_sealed = std::none_of(edited.begin(), edited.end(), [](const backup::Drift& drift) {
    return drift.kind == backup::Drift::Kind::manifest;
  });
  const backup::Edits all = is_sealed ? backup::Edits{} : plan.edits;
  finish_plan(plan, base);
  plan.identities = identities_of(plan, pristine);
  finish_plan(plan, base);  // once more: now the identities, and so the consumers, are known
  // Without a manifest the stage knows none of the files that are as they were: it gets them all.
  if (!is_sealed) plan.edits = all;
  return plan;
}

}  // namespace chancery::change
