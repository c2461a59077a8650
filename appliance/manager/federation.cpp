// The federation as its primary sees it: tokens and members.
#include <nlohmann/json.hpp>

#include "appliance/manager/authority_desk.h"
#include "appliance/manager/federation_facts.h"
#include "appliance/manager/heartbeats.h"
#include "appliance/manager/knowledge.h"
#include "appliance/manager/root_access.h"
#include "appliance/manager/standing.h"
#include "appliance/manager/verbs.h"

namespace chancery::manager {
namespace {

using nlohmann::json;

constexpr std::int64_t default_seconds = 600;
constexpr std::int64_t longest_seconds = std::int64_t{24} * 3600;

Role joining_role(const Call& call) {
  const std::string role = call.text_or("role", "engine");
  if (role == "engine" || role == "secondary") return Role::secondary;
  throw Failure({.code = "bad-role",
                 .subject = role,
                 .cause = "nobody joins in this role",
                 .hint = "secondaries join: --role engine"});
}

std::vector<std::string> token_names(const Call& call) {
  Appliance joiner;
  joiner.name = parse_name(call.text("name")).value;
  const std::string internal = call.text_or("internal_name", "");
  joiner.internal_name = internal.empty() ? joiner.name : parse_name(internal).value;
  for (const std::string& san : call.list("sans")) joiner.sans.push_back(parse_name(san).value);
  return joiner.all_names();
}

std::chrono::seconds time_to_live(const Call& call) {
  const std::int64_t seconds = call.number("ttl_seconds").value_or(default_seconds);
  if (seconds >= 1 && seconds <= longest_seconds) return std::chrono::seconds(seconds);
  throw bad_argument("ttl_seconds", "is not between one second and one day", "give for example --ttl 10m");
}

json served_json(const Heartbeat& heartbeat) {
  json all = json::array();
  for (const Heartbeat::Served& served : heartbeat.served) {
    all.push_back({{"endpoint", served.endpoint},
                   {"identity", served.identity},
                   {"sha256", served.sha256},
                   {"not_after", to_rfc3339(served.not_after)}});
  }
  return all;
}

// Besides the contract's fields what the portal heard: absent fields were not told.
void add_heard(json& entry, const Heartbeat* heartbeat, const Standing& standing) {
  entry["state"] = standing.state();
  entry["problems"] = json::array();
  for (const Standing::Problem& problem : standing.problems) entry["problems"].push_back(problem.text);
  if (heartbeat == nullptr) return;
  entry["version"] = heartbeat->version;
  entry["clock_ahead_seconds"] = heartbeat->clock_ahead.count();
  entry["generation"] = heartbeat->generation;
  entry["served"] = served_json(*heartbeat);
}

json member_json(const federation::Member& member) {
  json certificates = json::array();
  for (const Certificate& certificate : member.certificates) certificates.push_back(preflight::to_json(certificate));
  return {{"name", member.name},
          {"role", member.role},
          {"state", member.state},
          {"joined", to_rfc3339(member.joined)},
          {"last_seen", member.last_seen ? json(to_rfc3339(*member.last_seen)) : json(nullptr)},
          {"certificates", std::move(certificates)}};
}

// A secondary knows itself and where its primary is; the roster is the primary's.
json members_of_secondary(Bench& bench) {
  json members = json::array();
  json self{{"name", bench.appliance.name},
            {"role", to_text(bench.appliance.role)},
            {"state", "not-joined"},
            {"joined", nullptr},
            {"last_seen", to_rfc3339(bench.now())},
            {"certificates", json::array()}};
  if (const auto facts = FederationFacts::read(bench.current())) {
    self["state"] = "joined";
    if (const auto member = change::read_identity(bench.current(), "identities/member")) {
      self["joined"] = to_rfc3339(member->leaf.not_before());
      self["certificates"].push_back(preflight::to_json(member->leaf));
    }
    members.push_back({{"name", facts->portal_name},
                       {"role", "primary"},
                       {"state", "joined"},
                       {"joined", nullptr},
                       {"last_seen", nullptr},
                       {"certificates", json::array()}});
  }
  members.push_back(std::move(self));
  return members;
}

}  // namespace

json federation_token(Bench& bench, Call& call) {
  const Role role = joining_role(call);
  const std::vector<std::string> names = token_names(call);
  const std::chrono::seconds ttl = time_to_live(call);
  const authority::RootAccess access = root_access(call);
  const Bench::Writer writer = bench.begin_change(call.who() + ", federation token");
  AuthorityDesk desk(bench);
  const federation::TokenOrder order{.role = role, .names = names, .time_to_live = ttl};
  const auto facts = FederationFacts::read(bench.current());
  json reply{{"role", to_text(role)},
             {"names", desk.admission.check_order(order)},
             {"expires", to_rfc3339(bench.now() + ttl)},
             {"primary", facts->authority_host + ":" + std::to_string(facts->authority_port)}};
  if (call.flag("dry_run")) {
    const std::vector<std::string> new_names = desk.authority.not_permitted(names);
    desk.authority.expect_permissible(names, access);
    json plan = reply;
    plan["new_names"] = new_names;
    plan["files"] = authority_files(bench, new_names);
    reply["outcome"] = "planned";
    reply["plan"] = std::move(plan);
    return reply;
  }
  call.reply_attachments.push_back(desk.admission.make_token(order, access));
  reply["outcome"] = "done";
  return reply;
}

json federation_tokens_list(Bench& bench, Call&) {
  AuthorityDesk desk(bench);
  json tokens = json::array();
  for (const federation::TokenSummary& token : desk.admission.tokens()) {
    tokens.push_back({{"id", token.id},
                      {"role", token.role},
                      {"names", token.names},
                      {"created", to_rfc3339(token.created)},
                      {"expires", to_rfc3339(token.expires)},
                      {"state", token.state}});
  }
  return {{"tokens", std::move(tokens)}};
}

json federation_tokens_revoke(Bench& bench, Call& call) {
  const std::string id = call.text("id");
  const Bench::Writer writer = bench.begin_change(call.who() + ", federation tokens revoke");
  AuthorityDesk desk(bench);
  const federation::TokenSummary token = desk.admission.token(id);
  if (call.flag("dry_run")) {
    return {{"outcome", "planned"},
            {"id", id},
            {"plan",
             {{"token", id}, {"state", token.state}, {"names", token.names}, {"files", authority_files(bench, {})}}}};
  }
  desk.admission.revoke_token(id);
  return {{"outcome", "done"}, {"id", id}};
}

json federation_list(Bench& bench, Call&) {
  if (bench.appliance.role == Role::secondary) return {{"members", members_of_secondary(bench)}};
  AuthorityDesk desk(bench);
  json members = json::array();
  const std::map<std::string, Heartbeat> heard = heartbeats(bench.appliance.state);
  for (federation::Member& member : desk.admission.members()) {
    const auto found = heard.find(member.name);
    const Heartbeat* heartbeat = found == heard.end() ? nullptr : &found->second;
    const bool is_self = member.name == bench.appliance.name;
    // Whoever answers this question is here.
    if (is_self) member.last_seen = bench.now();
    const Standing standing = standing_of(member, heartbeat, bench.now());
    if (heartbeat != nullptr) member.last_seen = standing.last_seen;
    json entry = member_json(member);
    add_heard(entry, heartbeat, standing);
    if (is_self && heartbeat == nullptr) entry["version"] = CHANCERY_VERSION;
    members.push_back(std::move(entry));
  }
  return {{"federation", bench.appliance.federation}, {"members", std::move(members)}};
}

}  // namespace chancery::manager
