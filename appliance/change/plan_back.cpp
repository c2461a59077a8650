// Restore and rollback: plans whose bytes were in force before.
//
// Never going back, whatever is asked for: the customer key, federation/, the federation's anchors with those retired,
// and keys that wait for their certificates (plan_parts.h, never_goes_back). A rollback also leaves member and
// authority-tls as they are: the other appliances know their present keys. Databases are not part of a generation.

#include <algorithm>
#include <array>
#include <set>

#include "appliance/change/foreign.h"
#include "appliance/change/plan_parts.h"
#include "appliance/trust/portal_store.h"
#include "keystore/x509/material.h"

namespace chancery::change {
namespace {

using Files = std::map<std::string, backup::NewFile>;

Failure unknown_component(const std::string& component, const std::string& cause) {
  return Failure({.code = "unknown-component",
                  .subject = component,
                  .cause = cause,
                  .hint = "chancery backup show ID lists the components of a set"});
}

bool belongs_to_federation(const std::string& path) {
  static constexpr std::array prefixes{"identities/member/", "defaults/member/", "identities/authority-tls/",
                                       "defaults/authority-tls/"};
  return never_goes_back(path) ||
         std::any_of(prefixes.begin(), prefixes.end(), [&](const char* prefix) { return path.starts_with(prefix); });
}

// The bytes of a file as the plan leaves it.
std::optional<SecretBytes> bytes_after(const Plan& plan, const backup::Generation& base, const std::string& path) {
  const auto edit = plan.edits.find(path);
  if (edit != plan.edits.end()) {
    if (!edit->second) return std::nullopt;
    return secret_copy(view_of(edit->second->bytes));
  }
  if (!base.has(path)) return std::nullopt;
  return base.read_secret(path);
}

// Identities whose folder under `group` the plan touches.
std::set<std::string> touched(const Plan& plan, const std::string& group) {
  std::set<std::string> names;
  for (const auto& [path, edit] : plan.edits) {
    if (!path.starts_with(group)) continue;
    const std::size_t end = path.find('/', group.size());
    if (end != std::string::npos) names.insert(path.substr(group.size(), end - group.size()));
  }
  return names;
}

void judge_identities(Plan& plan, const backup::Generation& base, const Appliance& appliance,
                      const preflight::Knowledge& knowledge, Instant now) {
  for (const std::string group : {"identities/", "defaults/"}) {
    for (const std::string& name : touched(plan, group)) {
      const std::string folder = group + name;
      const auto certificate = bytes_after(plan, base, folder + "/certificate.pem");
      const auto key = bytes_after(plan, base, folder + "/key.pem");
      if (!certificate || !key) throw unknown_component(name, "what is to be brought back has no such identity");
      const SecretBytes chain = bytes_after(plan, base, folder + "/intermediate.crt").value_or(SecretBytes{});
      const preflight::Identity identity = parse_identity(folder, view_of(*certificate), view_of(*key), view_of(chain));
      merge(plan.report, judge_former(identity, name, appliance, knowledge, now));
    }
  }
}

// A trust store of former days may hold anchors that were retired since.
void judge_anchors(Plan& plan, const backup::Generation& base, const preflight::Knowledge& knowledge) {
  if (knowledge.retired_anchors.empty()) return;
  const auto judge = [&](const std::string& path, const std::vector<Certificate>& anchors) {
    for (const Certificate& anchor : anchors) {
      if (!knowledge.retired_anchors.contains(anchor.fingerprint())) continue;
      plan.report.add("retired-anchor", path,
                      anchor.subject() + " (SHA-256 " + anchor.fingerprint() + ") was retired and may not come back",
                      "choose a later set or generation, or restore other components only");
    }
  };
  for (const auto& [path, edit] : plan.edits) {
    if (!edit || !path.starts_with("trust/")) continue;
    if (path != trust::portal_store_path) {
      judge(path, read_material(view_of(edit->bytes), {.source = path}).certificates);
      continue;
    }
    const SecretBytes password = bytes_after(plan, base, trust::portal_password_path).value_or(SecretBytes{});
    const trust::OpenStore open = trust::open_portal_store(view_of(edit->bytes), view_of(password));
    CertificatePool pool;
    for (const Bytes& der : trust::anchors_of(open.store)) pool.add_der(der);
    judge(path, pool.all());
  }
}

// Going back undoes edits by hand in what it overwrites. Where the hand was anywhere else, staging tells (drift).
void allow_undoing_edits(Plan& plan, const backup::Generation& base) {
  const std::vector<backup::Drift> drift = base.drift();
  const bool all_overwritten = std::all_of(drift.begin(), drift.end(), [&](const backup::Drift& one) {
    return one.kind != backup::Drift::Kind::manifest && plan.edits.contains(one.path);
  });
  if (!drift.empty() && all_overwritten) plan.adopt = backup::Adopt::yes;
}

// Everything after the edits are known. `allow_undoing_edits` looks at them before those that change nothing go.
void finish(Plan& plan, const backup::Generation& base, const Appliance& appliance,
            const preflight::Knowledge& knowledge, Instant now) {
  allow_undoing_edits(plan, base);
  finish_plan(plan, base);
  std::set<std::string> identities = touched(plan, "identities/");
  for (const auto& [path, edit] : plan.edits) {
    if (!edit || !path.starts_with("endpoints/")) continue;
    const Endpoint endpoint = parse_endpoint(path.substr(10, path.size() - 15), view_of(edit->bytes));
    if (endpoint.enabled) identities.insert(endpoint.identity);
  }
  plan.identities.assign(identities.begin(), identities.end());
  judge_identities(plan, base, appliance, knowledge, now);
  judge_anchors(plan, base, knowledge);
  finish_plan(plan, base);  // once more: now the identities, and so the consumers, are known
}

std::vector<std::string> components_in(const Files& files) {
  std::set<std::string> components;
  for (const auto& [path, file] : files) components.insert(component_of(path));
  return {components.begin(), components.end()};
}

// A file outside the state as the set has it; where the set has none, there was none.
void put_foreign_back(Plan& plan, const std::string& path, const Files& files, const std::string& name) {
  ForeignEdit edit{.path = path, .expected_sha256 = foreign_sha256(path), .bytes = {}};
  const auto kept = files.find(name);
  if (kept != files.end()) edit.bytes = secret_copy(view_of(kept->second.bytes));
  const std::string wanted = edit.bytes ? sha256_hex(view_of(*edit.bytes)) : "";
  if (wanted != edit.expected_sha256) plan.foreign.push_back(std::move(edit));
}

}  // namespace

Plan plan_restore(const backup::Generation& base, const Appliance& appliance, const std::string& set_id,
                  const Files& files, const std::vector<std::string>& components, const preflight::Knowledge& knowledge,
                  Instant now) {
  Plan plan;
  plan.reason = "restore " + set_id;
  const std::vector<std::string> wanted = components.empty() ? components_in(files) : components;
  bool is_anything_left = false;
  for (const std::string& component : wanted) {
    if (const auto path = path_of_set_name(component)) {
      is_anything_left = true;
      put_foreign_back(plan, *path, files, component);
      continue;
    }
    const std::string prefix = prefix_of_component(component);
    if (never_goes_back(prefix)) {
      plan.report.add("never-goes-back", component, "is left as it is: others rely on what it is now", "nothing to do");
      continue;
    }
    is_anything_left = true;
    const auto first = files.lower_bound(prefix);
    const bool is_in_set = first != files.end() && first->first.starts_with(prefix);
    // An appliance without these serves or trusts nothing; of anything else, none may have been what there was.
    static const std::set<std::string> may_be_empty{"trust/appliance/", "profiles/", "endpoints/", "consumers/",
                                                    "rules/"};
    if (!is_in_set && !may_be_empty.contains(prefix)) {
      throw unknown_component(component, "the set does not hold this component");
    }
    for (const std::string& path : base.files(prefix)) {
      if (!never_goes_back(path)) plan.edits[path] = std::nullopt;
    }
    for (auto file = first; file != files.end() && file->first.starts_with(prefix); ++file) {
      if (never_goes_back(file->first)) continue;
      plan.edits[file->first] =
          backup::NewFile{.bytes = secret_copy(view_of(file->second.bytes)), .attributes = file->second.attributes};
    }
  }
  if (!is_anything_left) throw unknown_component(set_id, "nothing that was asked for can go back");
  finish(plan, base, appliance, knowledge, now);
  return plan;
}

Plan plan_rollback(const backup::Generation& base, const Appliance& appliance, const backup::Generation& target,
                   const preflight::Knowledge& knowledge, Instant now) {
  const std::vector<backup::Drift> drift = target.drift();
  if (!drift.empty()) {
    throw Failure({.code = "drift",
                   .subject = target.folder().path(),
                   .cause = "this generation was edited by hand: " + drift.front().path + " " + drift.front().message,
                   .hint = "restore the backup set that was made before it was left: chancery backup list"});
  }
  Plan plan;
  plan.reason = "rollback " + std::to_string(target.number());
  for (const std::string& path : base.files("")) {
    if (path != "manifest.json" && !belongs_to_federation(path)) plan.edits[path] = std::nullopt;
  }
  for (const auto& [path, file] : target.manifest().files) {
    if (belongs_to_federation(path)) continue;
    plan.edits[path] = backup::NewFile{.bytes = target.read_secret(path), .attributes = file.attributes};
  }
  finish(plan, base, appliance, knowledge, now);
  return plan;
}

}  // namespace chancery::change
