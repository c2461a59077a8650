// Profiles, endpoints and consumers: one file set or deleted.

#include <algorithm>
#include <array>
#include <set>

#include "appliance/assignment/rule.h"
#include "appliance/change/generation_policy.h"
#include "appliance/change/plan_parts.h"
#include "appliance/tls/serving_snapshot.h"

namespace chancery::change {
namespace {

struct PolicyPath {
  std::string kind;  // "profiles", "endpoints", "consumers"
  std::string name;
};

PolicyPath split(const std::string& path) {
  const std::size_t slash = path.find('/');
  const std::string kind = path.substr(0, slash);
  const bool is_kind = kind == "profiles" || kind == "endpoints" || kind == "consumers" || kind == "rules";
  if (is_kind && slash != std::string::npos && path.ends_with(".toml")) {
    const std::string name = path.substr(slash + 1, path.size() - slash - 6);
    const bool is_plain = !name.empty() && name.size() <= 64 && name.front() != '-' &&
                          std::all_of(name.begin(), name.end(), [](unsigned char c) {
                            return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
                          });
    if (is_plain) return {kind, name};
  }
  throw Failure({.code = "bad-name",
                 .subject = path,
                 .cause = "this cannot be the name of a profile, endpoint, consumer or rule",
                 .hint = "use lower-case letters, digits, - and _, at most 64"});
}

void expect_identity(const backup::Generation& base, const std::string& identity, const std::string& of) {
  if (base.has("identities/" + identity + "/certificate.pem")) return;
  throw Failure({.code = "unknown-identity",
                 .subject = of,
                 .cause = "there is no identity \"" + identity + "\" on this appliance",
                 .hint = "chancery cert list shows the identities"});
}

// Endpoints that speak by `profile`: their names for messages, their identities for the probe.
std::vector<Endpoint> users_of(const backup::Generation& base, const std::string& profile) {
  std::vector<Endpoint> users = endpoints_of(base);
  std::erase_if(users, [&](const Endpoint& endpoint) { return endpoint.profile != profile; });
  return users;
}

void set_policy(Plan& plan, const backup::Generation& base, const PolicyPath& path, ByteView toml) {
  if (path.kind == "rules") {
    static_cast<void>(assignment::parse_rule(path.name, toml));
    return;
  }
  if (path.kind == "profiles") {
    const SecurityProfile profile = parse_profile(path.name, toml);
    std::set<std::string> identities;
    for (const Endpoint& user : users_of(base, path.name)) {
      tls::expect_level(profile, user.name);
      if (user.enabled) identities.insert(user.identity);
    }
    plan.identities.assign(identities.begin(), identities.end());
    return;
  }
  if (path.kind == "endpoints") {
    const Endpoint endpoint = parse_endpoint(path.name, toml);
    expect_identity(base, endpoint.identity, "endpoint " + path.name);
    tls::expect_level(profile_of(base, endpoint.profile), endpoint.name);
    if (endpoint.enabled) plan.identities = {endpoint.identity};
    return;
  }
  const Consumer consumer = parse_consumer(path.name, toml);
  expect_identity(base, consumer.identity, "consumer " + path.name);
  plan.identities = {consumer.identity};
}

void delete_policy(const backup::Generation& base, const PolicyPath& path, const std::string& full_path) {
  if (!base.has(full_path)) {
    throw Failure({.code = "unknown-name",
                   .subject = path.name,
                   .cause = "there is nothing of this name in " + path.kind,
                   .hint = "the list command of the same noun shows what there is"});
  }
  if (path.kind != "profiles") return;
  const std::vector<Endpoint> users = users_of(base, path.name);
  if (users.empty()) return;
  throw Failure({.code = "in-use",
                 .subject = path.name,
                 .cause = "the endpoint " + users.front().name + " uses this profile",
                 .hint = "give the endpoint another profile first: chancery endpoint set " + users.front().name +
                         " --profile NAME"});
}

}  // namespace

Plan plan_policy(const backup::Generation& base, const Appliance& appliance, const std::string& path,
                 const std::optional<std::string>& toml, backup::Edits beside) {
  const PolicyPath split_path = split(path);
  Plan plan;
  plan.edits = std::move(beside);
  plan.reason = split_path.kind.substr(0, split_path.kind.size() - 1) + (toml ? " set " : " delete ") + split_path.name;
  if (toml) {
    set_policy(plan, base, split_path, view_of(*toml));
    put_file(plan.edits, appliance, path, view_of(*toml));
  } else {
    delete_policy(base, split_path, path);
    plan.edits[path] = std::nullopt;
  }
  finish_plan(plan, base);
  return plan;
}

}  // namespace chancery::change
