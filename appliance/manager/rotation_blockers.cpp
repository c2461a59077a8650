#include "appliance/manager/rotation_blockers.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "appliance/authority/register.h"
#include "appliance/authority/signed_by_hand.h"
#include "appliance/federation/anchor_proof.h"
#include "appliance/federation/roster.h"
#include "appliance/manager/collector_proofs.h"
#include "appliance/manager/heartbeats.h"
#include "appliance/manager/rotation_stores.h"

namespace chancery::manager {
namespace {

using authority::Anchors;
using federation::KeptProof;
using federation::ListedMember;
using nlohmann::json;

constexpr std::chrono::minutes silence{5};
constexpr const char* manager_hint =
    "does chancery-manager run there, and does it reach this primary's authority? If that member is gone for good: "
    "chancery federation remove NAME, or --forget NAME";
constexpr const char* signed_hint =
    "where its key is: chancery authority renew; where nobody uses it any more: chancery authority revoke SHA256, or "
    "--forget it";
constexpr const char* collector_hint =
    "it has to be connected to its engine once; if that endpoint is gone for good: chancery collector block ID, or "
    "--forget ID";

std::optional<Instant> last_heard(const ListedMember& member, const std::map<std::string, Heartbeat>& beats) {
  std::optional<Instant> last = member.last_seen;
  const auto beat = beats.find(member.name);
  if (beat != beats.end() && (!last || *last < beat->second.last_seen)) last = beat->second.last_seen;
  return last;
}

// Of one member and everything on it that its certificate manager told of.
void judge_member(std::vector<Blocker>& found, const ListedMember& member, const std::vector<KeptProof>& proofs,
                  const std::string& coming, std::optional<Instant> since, bool is_own) {
  bool is_heard = false;
  for (const KeptProof& kept : proofs) {
    if (kept.root_sha256 != coming) continue;
    const bool is_itself = kept.proof.kind == "member";
    is_heard = is_heard || is_itself;
    if (kept.proof.is_proven) continue;
    found.push_back({.who = is_itself ? member.name : member.name + ":" + kept.proof.who,
                     .kind = kept.proof.kind,
                     .name = "",
                     .since = kept.seen,
                     .why = kept.proof.why,
                     .hint = is_itself ? "its manager renews it by itself: look at its log there"
                                       : "give that store the new root on " + member.name +
                                             ", or --forget it where nobody reads it any more"});
  }
  if (is_heard) return;
  found.push_back({.who = member.name,
                   .kind = "member",
                   .name = "",
                   .since = since,
                   .why = is_own ? "this appliance has not proven the coming root: no handshake with its own authority"
                                 : "it has not proven the coming root",
                   .hint = is_own ? "start chancery-authority and chancery-manager here" : manager_hint});
}

void judge_collectors(std::vector<Blocker>& found, const CollectorProofs& proofs, const std::set<std::string>& members,
                      const std::string& coming) {
  for (const CollectorProof& each : proofs.known) {
    // A member that is no longer in the roster has no collectors, and what an engine says of itself counts beside what
    // its manager has proven.
    if (!members.contains(each.member) || !each.depends || each.proven.contains(coming)) continue;
    const bool is_collector = each.kind == "collector";
    const bool holds = each.held.contains(coming);
    found.push_back(
        {.who = each.who,
         .kind = is_collector ? "collector" : each.kind,
         .name = each.name,
         .since = each.seen,
         .why = std::string(is_collector ? "" : "its programs: ") +
                (holds               ? "it holds the coming root and has not proven it"
                 : each.held.empty() ? "it has not told what it trusts"
                                     : "it does not hold the coming root"),
         .hint = is_collector
                     ? collector_hint
                     : "do its programs run there, chancery-engine or chancery-portal? They try every half minute"});
  }
  for (const auto& [name, count] : proofs.pending) {
    if (!members.contains(name)) continue;
    found.push_back({.who = name,
                     .kind = "member",
                     .name = "",
                     .since = {},
                     .why = "its engine has still to tell of " + std::to_string(count) + " collectors",
                     .hint = "wait for its next heartbeats"});
  }
}

// Certificates of `authority sign`, and of its renewals, under the issuing CAs of a root that goes.
void judge_signed(std::vector<Blocker>& found, const storage::Store& store, const std::vector<Certificate>& issuing,
                  Instant now, const std::string& hint) {
  for (const authority::Issued& each : authority::signed_under(store, issuing, now)) {
    const std::vector<AlternativeName>& names = each.certificate.names();
    found.push_back({.who = each.member,
                     .kind = "signed-certificate",
                     .name = names.empty() ? "" : names.front().value,
                     .since = each.issued_at,
                     .why = "its " + each.kind + " certificate " + each.certificate.fingerprint().substr(0, 16) +
                            "…, signed by hand, is under that root until " + to_rfc3339(each.certificate.not_after()),
                     .hint = hint});
  }
}

// One line for each: a member that is told of twice for different reasons has one to wait for.
void unite(std::vector<Blocker>& found) {
  std::vector<Blocker> united;
  std::map<std::pair<std::string, std::string>, std::size_t> places;
  for (Blocker& each : found) {
    const auto [place, is_new] = places.emplace(std::pair(each.kind, each.who), united.size());
    if (is_new) {
      united.push_back(std::move(each));
    } else if (Blocker& same = united[place->second]; same.why.find(each.why) == std::string::npos) {
      same.why += "; " + each.why;
    }
  }
  found = std::move(united);
}

// The issuing CAs that stand under it.
std::vector<Certificate> issuing_under(const Anchors& anchors, const std::optional<Certificate>& root) {
  std::vector<Certificate> under;
  if (root == anchors.root) under.push_back(anchors.issuing);
  if (root && root == anchors.former_root && anchors.former_issuing) under.push_back(*anchors.former_issuing);
  return under;
}

std::set<std::string> names_of(const std::vector<ListedMember>& members) {
  std::set<std::string> names;
  for (const ListedMember& member : members) names.insert(member.name);
  return names;
}

}  // namespace

std::vector<Blocker> blockers(Bench& bench, AuthorityDesk& desk, const Anchors& anchors) {
  const std::optional<Certificate> root = anchors.coming_root();
  if (!root) return {};
  const std::string coming = root->fingerprint();
  std::map<std::string, std::vector<KeptProof>> proofs;
  for (KeptProof& each : federation::kept_proofs(desk.authority.store())) {
    proofs[each.member].push_back(std::move(each));
  }
  const std::map<std::string, Heartbeat> beats = heartbeats(bench.appliance.state);
  const std::vector<ListedMember> members = federation::listed_members(desk.authority.store());
  std::vector<Blocker> found;
  for (const ListedMember& member : members) {
    judge_member(found, member, proofs[member.name], coming, last_heard(member, beats),
                 member.name == bench.appliance.name);
  }
  judge_collectors(found, collector_proofs(bench.appliance.state), names_of(members), coming);
  judge_signed(found, desk.authority.store(), issuing_under(anchors, anchors.going_root()), bench.now(), signed_hint);
  unite(found);
  return found;
}

std::vector<Blocker> lost_at_once(Bench& bench, AuthorityDesk& desk, const Anchors& anchors) {
  const Instant now = bench.now();
  const std::map<std::string, Heartbeat> beats = heartbeats(bench.appliance.state);
  const std::vector<ListedMember> members = federation::listed_members(desk.authority.store());
  std::vector<Blocker> lost;
  for (const ListedMember& member : members) {
    if (member.name == bench.appliance.name) continue;
    const std::optional<Instant> last = last_heard(member, beats);
    // The others follow within seconds: they know the authority by its own key.
    if (last && now - *last < silence) continue;
    lost.push_back({.who = member.name,
                    .kind = "member",
                    .name = "",
                    .since = last,
                    .why = "it has been silent: it follows once its manager reaches the authority",
                    .hint = manager_hint});
  }
  const std::set<std::string> names = names_of(members);
  for (const CollectorProof& each : collector_proofs(bench.appliance.state).known) {
    if (each.kind != "collector" || !names.contains(each.member) || !each.depends) continue;
    lost.push_back({.who = each.who,
                    .kind = "collector",
                    .name = each.name,
                    .since = each.seen,
                    .why = "it trusts a root that is distrusted at once, and nothing that it trusts can vouch for the "
                           "new one",
                    .hint = "bring the new root there: chancery collector repair"});
  }
  for (const StoreStanding& each : store_standings(bench, anchors.root, anchors.root)) {
    if (each.who.starts_with("trust/")) continue;  // this appliance's own follow by themselves
    lost.push_back({.who = bench.appliance.name + ":" + each.who,
                    .kind = "trust-store",
                    .name = "",
                    .since = {},
                    .why = "it holds the root that is distrusted, and not the new one",
                    .hint = each.hint});
  }
  std::vector<Certificate> issuing{anchors.issuing};
  if (anchors.former_issuing) issuing.push_back(*anchors.former_issuing);
  judge_signed(lost, desk.authority.store(), issuing, now,
               "where its key is: chancery authority renew, with the new root for --trust");
  unite(lost);
  return lost;
}

json to_json(const std::vector<Blocker>& blockers) {
  json all = json::array();
  for (const Blocker& each : blockers) {
    all.push_back({{"who", each.who},
                   {"kind", each.kind},
                   {"name", each.name.empty() ? json(nullptr) : json(each.name)},
                   {"since", each.since ? json(to_rfc3339(*each.since)) : json(nullptr)},
                   {"why", each.why},
                   {"hint", each.hint}});
  }
  return all;
}

void enter_lost(storage::Store& store, std::uint64_t number, const std::vector<Blocker>& lost, Instant when) {
  const auto step = static_cast<std::int64_t>(number);
  store.write([&] {
    store.run("DELETE FROM lost WHERE number = ?", {step});
    for (const Blocker& each : lost) {
      store.run("INSERT INTO lost (number, kind, who, why, since, at) VALUES (?, ?, ?, ?, ?, ?)",
                {step, each.kind, each.who, each.why,
                 each.since ? storage::Value(authority::seconds_of(*each.since)) : storage::Value(std::monostate{}),
                 authority::seconds_of(when)});
    }
  });
}

json lost_json(const storage::Store& store) {
  json all = json::array();
  for (const storage::Row& row :
       store.rows("SELECT number, kind, who, why, since, at FROM lost ORDER BY number DESC, kind, who")) {
    all.push_back({{"number", row.integer(0)},
                   {"kind", row.text(1)},
                   {"who", row.text(2)},
                   {"why", row.text(3)},
                   {"since", row.is_null(4) ? json(nullptr) : json(to_rfc3339(authority::instant_of(row.integer(4))))},
                   {"at", to_rfc3339(authority::instant_of(row.integer(5)))}});
  }
  return all;
}

}  // namespace chancery::manager
