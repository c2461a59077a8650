#include "appliance/manager/customer_key.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "appliance/federation/key_transfer.h"
#include "appliance/manager/authority_news.h"
#include "appliance/manager/heartbeats.h"
#include "appliance/manager/program_users.h"
#include "appliance/manager/verbs.h"
#include "appliance/membership/customer_keys.h"

namespace chancery::manager {
namespace {

using nlohmann::json;

constexpr const char* copy_name = "customer.keys";
constexpr const char* copy_for_joins = "customer.key";
constexpr std::size_t key_size = 32;
constexpr std::size_t copy_limit = 4096;
constexpr std::int64_t longest_overlap = std::int64_t{366} * 24 * 3600;
constexpr std::int64_t usual_overlap = std::int64_t{7} * 24 * 3600;

CustomerKeys present_keys(Bench& bench) {
  CustomerKeys keys = customer_keys_of(bench.current());
  if (!keys.current.empty()) return keys;
  throw Failure({.code = "no-customer-key",
                 .subject = bench.appliance.name,
                 .cause = "this appliance has no Customer Key yet",
                 .hint = "it comes with joining: chancery federation join --primary HOST:PORT --token-file F"});
}

change::Plan plan_keys(Bench& bench, const CustomerKeys& keys, std::string reason) {
  change::Plan plan;
  plan.reason = std::move(reason);
  change::put_file(plan.edits, bench.appliance, CustomerKeys::current_path, view_of(keys.current));
  change::put_file(plan.edits, bench.appliance, CustomerKeys::path, view_of(keys.to_bytes()));
  change::finish_plan(plan, bench.current());
  return plan;
}

json json_of(const CustomerKeys& keys, Instant now) {
  json former = json::array();
  for (const FormerCustomerKey& each : keys.former) {
    former.push_back({{"id", id_of(each.key)},
                      {"admits", now < each.admits_until},
                      {"admits_until", to_rfc3339(each.admits_until)}});
  }
  return {{"number", keys.number},
          {"id", id_of(keys.current)},
          {"since", keys.number == 0 ? json(nullptr) : json(to_rfc3339(keys.since))},
          {"former", std::move(former)}};
}

// How many collectors hold which key, and which members have which, as the engines last told the portal.
json told_by_engines(Bench& bench) {
  json members = json::array();
  std::map<std::string, std::int64_t> holders;
  for (const auto& [name, heartbeat] : heartbeats(bench.appliance.state)) {
    members.push_back({{"name", name}, {"id", heartbeat.customer_key}, {"last_seen", to_rfc3339(heartbeat.last_seen)}});
    for (const auto& [id, count] : heartbeat.holders) holders[id] += count;
  }
  json collectors = json::array();
  for (const auto& [id, count] : holders) collectors.push_back({{"id", id}, {"count", count}});
  return {{"members", std::move(members)}, {"collectors", std::move(collectors)}};
}

std::int64_t overlap_of(const Call& call) {
  const std::int64_t seconds = call.number("overlap_seconds").value_or(usual_overlap);
  if (seconds >= 0 && seconds <= longest_overlap) return seconds;
  throw bad_argument("overlap_seconds", "is not between 0 and a year", "give for instance --overlap 7d");
}

Folder authority_folder(Bench& bench) { return bench.state.open_folder("authority"); }

bool holds(const Folder& folder, const char* name, const SecretBytes& bytes) {
  return folder.status(name) && secret_equal(view_of(folder.read_secret(name, copy_limit)), view_of(bytes));
}

}  // namespace

// Of what is in force at this moment: the bench remembers the generation that a change began with.
bool is_handed_out(Bench& bench) {
  const CustomerKeys keys = customer_keys_of(bench.generations.current());
  if (keys.number == 0) return true;
  const Folder folder = authority_folder(bench);
  return holds(folder, copy_name, keys.to_bytes()) && holds(folder, copy_for_joins, keys.current);
}

void hand_out_customer_keys(Bench& bench) {
  if (is_handed_out(bench)) return;
  const CustomerKeys keys = customer_keys_of(bench.generations.current());
  const Folder folder = authority_folder(bench);
  const FileAttributes attributes = owned_by(bench.appliance, "authority", 0600);
  folder.write_atomically(copy_name, view_of(keys.to_bytes()), attributes);
  folder.write_atomically(copy_for_joins, view_of(keys.current), attributes);
}

bool needs_customer_keys(Bench& bench, std::uint64_t number) {
  return number > customer_keys_of(bench.current()).number;
}

json follow_customer_keys(Bench& bench, const Call& call) {
  const auto facts = FederationFacts::read(bench.current());
  const auto member = change::read_identity(bench.current(), "identities/member");
  if (!facts || !member || !member->key) throw not_joined(bench);
  const CustomerKeys keys = federation::fetch_customer_keys({.authority = authority_target(*facts),
                                                             .authority_pin = authority_pin(*facts),
                                                             .member = member->leaf,
                                                             .member_key = *member->key},
                                                            bench.clock());
  // The authority leads; but what is older than ours is a copy of an authority that was brought back.
  if (!needs_customer_keys(bench, keys.number)) {
    return {{"outcome", "unchanged"}, {"generation", bench.current().number()}};
  }
  return finish(bench, plan_keys(bench, keys, "customer-key follow"), call);
}

json customer_key_status(Bench& bench, Call&) {
  json reply = json_of(present_keys(bench), bench.now());
  if (bench.appliance.role != Role::secondary) reply.update(told_by_engines(bench));
  return reply;
}

json customer_key_rotate(Bench& bench, Call& call) {
  if (bench.appliance.role == Role::secondary) {
    throw Failure({.code = "not-a-primary",
                   .subject = bench.appliance.name,
                   .cause = "the Customer Key is the federation's, and its primary makes it",
                   .hint = "run this on the primary; it reaches every member by itself"});
  }
  const bool ends_overlap = call.flag("end_overlap");
  const std::int64_t overlap = overlap_of(call);
  const Bench::Writer writer = bench.begin_change(call.who() + ", customer-key rotate");
  const CustomerKeys present = present_keys(bench);
  const Instant now = bench.now();
  const CustomerKeys next = ends_overlap
                                ? present.without_overlap(now)
                                : present.rotated(random_secret(key_size), now, now + std::chrono::seconds(overlap));
  if (next == present)
    return {{"outcome", "unchanged"},
            {"generation", bench.current().number()},
            {"message", "no former key admits anybody"}};
  json reply =
      finish(bench, plan_keys(bench, next, ends_overlap ? "customer-key end-overlap" : "customer-key rotate"), call);
  if (reply["outcome"] == "done") {
    hand_out_customer_keys(bench);
    reply.update(json_of(next, now));
  }
  return reply;
}

}  // namespace chancery::manager
