// chancery federation renew, and what the manager does by itself when something is due: new keys, certificates from the
// federation's authority, put in force by one change.
//
// A primary asks its own authority; a secondary asks its primary's, with keys that are on disk (secrets/renew/) before,
// so that a retry after a crash asks with the same ones and is given the same certificates. authority-tls keeps its key:
// every member and every open token knows the authority by it.
#include "appliance/manager/renewal.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "appliance/federation/renewal.h"
#include "appliance/manager/authority_desk.h"
#include "appliance/manager/authority_news.h"
#include "appliance/manager/federation_facts.h"
#include "appliance/manager/kept_keys.h"
#include "appliance/manager/knowledge.h"
#include "appliance/manager/verbs.h"
#include "keystore/bytes/text_encoding.h"

namespace chancery::manager {
namespace {

using federation::JoinIdentity;
using nlohmann::json;

constexpr const char* roots_path = "trust/federation/roots.pem";

Material from_primary(Bench& bench, const FederationFacts& facts, const std::vector<std::string>& wanted,
                      const std::vector<Certificate>& roots) {
  const auto member = change::read_identity(bench.current(), "identities/member");
  if (!member || !member->key || roots.empty()) throw not_joined(bench);
  const federation::RenewalRequest request{.authority = authority_target(facts),
                                           .authority_pin = authority_pin(facts),
                                           .federation = facts.federation,
                                           .member = member->leaf,
                                           .member_key = *member->key,
                                           .roots = roots,
                                           .identities = kept_keys(bench.state, renewal_keys_folder, wanted)};
  const federation::Renewed renewed = federation::renew(request, bench.clock());
  Material material;
  for (const JoinIdentity& each : request.identities) {
    const std::vector<Certificate>& chain = renewed.chains.at(each.identity);
    material.emplace(
        each.identity,
        preflight::Identity{.leaf = chain.front(), .intermediates = {chain.begin() + 1, chain.end()}, .key = each.key});
  }
  return material;
}

Material from_own_authority(Bench& bench, AuthorityDesk& desk, const FederationFacts& facts, const Material& defaults,
                            const std::vector<std::string>& wanted) {
  Material material;
  // All of them are in the register, or none.
  desk.authority.store().write([&] {
    for (const std::string& identity : wanted) {
      const preflight::Identity& present = defaults.at(identity);
      const bool is_member = identity == "member";
      const PrivateKey key =
          identity == "authority-tls" ? present.key.value() : PrivateKey::generate(KeyType::ecdsa_p256);
      const Certificate leaf =
          desk.authority.issue({.purpose = is_member ? authority::LeafPurpose::member : authority::LeafPurpose::server,
                                .names = bench.appliance.all_names(),
                                .member_uri = is_member ? facts.member_uri : "",
                                .public_key_der = key.public_key_der(),
                                .issued_for = "renewal, identity " + identity,
                                .member = bench.appliance.name,
                                .identity = identity});
      material.emplace(identity,
                       preflight::Identity{.leaf = leaf, .intermediates = desk.authority.intermediates(), .key = key});
    }
  });
  return material;
}

// The roster shows the primary's own member certificate.
void tell_roster(Bench& bench, AuthorityDesk& desk, const Material& material) {
  const auto found = material.find("member");
  if (found == material.end()) return;
  std::optional<federation::Member> self = desk.admission.member(bench.appliance.name);
  if (!self) return;
  self->certificates = {found->second.leaf};
  self->certificates.insert(self->certificates.end(), found->second.intermediates.begin(),
                            found->second.intermediates.end());
  desk.admission.enter_primary(*self);
}

// Certificates that only the authority can issue stand in as self-signed ones, so that the plan is made where every
// renewal's plan is made. None of it leaves this function.
json planned(Bench& bench, const FederationFacts& facts, const RenewalNeed& need,
             const std::vector<std::string>& wanted, const Call& call) {
  Material stand_in;
  for (const std::string& identity : wanted) {
    preflight::Identity material = need.defaults.at(identity);
    if (identity != "authority-tls") material.key = PrivateKey::generate(KeyType::ecdsa_p256);
    material.leaf = authority::self_signed(*material.key, bench.appliance.all_names(), bench.now());
    stand_in.emplace(identity, std::move(material));
  }
  json reply = finish(bench, change::plan_renew(bench.current(), bench.appliance, stand_in), call);
  json& plan = reply["plan"];
  for (json& identity : plan["identities"]) identity["after"] = "issued at the renewal";
  plan["renews"] = wanted;
  if (bench.appliance.role == Role::secondary) {
    const auto seen = federation::look_at_authority(authority_target(facts), authority_pin(facts));
    plan["authority"] = facts.authority_host + ":" + std::to_string(facts.authority_port) + ", " + seen.protocol +
                        ", its key is the one this appliance knows";
  } else {
    for (const json& file : authority_files(bench, {})) plan["files"].push_back(file);
  }
  return reply;
}

json nothing_due(const RenewalNeed& need, Bench& bench) {
  json reply{{"outcome", "unchanged"}, {"generation", bench.current().number()}};
  reply["next"] = need.next ? json(to_rfc3339(*need.next)) : json(nullptr);
  return reply;
}

std::vector<std::string> names_of(const RenewalNeed& need) {
  std::vector<std::string> all;
  for (const auto& [identity, material] : need.defaults) all.push_back(identity);
  return all;
}

}  // namespace

std::vector<std::string> RenewalNeed::renewable(Instant now) const {
  std::vector<std::string> found;
  for (const auto& [identity, material] : defaults) {
    if (now >= federation::renewable_from(material.leaf)) found.push_back(identity);
  }
  return found;
}

Material issued_defaults(const backup::Generation& generation, const Appliance& appliance) {
  Material defaults;
  for (const std::string& identity : identities_of(appliance.role)) {
    std::optional<preflight::Identity> present;
    try {
      present = change::read_identity(generation, "defaults/" + identity);
    } catch (const Failure& failure) {
      if (failure.code() == "permission-denied") throw;
      continue;  // the doctor tells
    }
    if (!present || !present->key || present->intermediates.empty() || present->leaf.is_self_issued()) continue;
    defaults.emplace(identity, std::move(*present));
  }
  return defaults;
}

RenewalNeed renewal_need(const backup::Generation& generation, const Appliance& appliance) {
  RenewalNeed need{.defaults = issued_defaults(generation, appliance), .next = {}};
  std::erase_if(need.defaults, [](const auto& each) {
    return each.second.leaf.not_after() >= each.second.intermediates.front().not_after();
  });
  for (const auto& [identity, material] : need.defaults) {
    const Instant due = federation::renew_at(material.leaf);
    need.next = std::min(need.next.value_or(due), due);
  }
  return need;
}

Material obtain(Bench& bench, AuthorityDesk* desk, const Material& defaults, const std::vector<std::string>& wanted,
                const std::vector<Certificate>& roots) {
  const auto facts = FederationFacts::read(bench.current());
  if (!facts) throw not_joined(bench);
  return desk == nullptr ? from_primary(bench, *facts, wanted, roots)
                         : from_own_authority(bench, *desk, *facts, defaults, wanted);
}

void after_renewal(Bench& bench, AuthorityDesk* desk, const Material& material) {
  if (desk == nullptr) return bench.state.remove_tree(renewal_keys_folder);
  tell_roster(bench, *desk, material);
}

json federation_renew(Bench& bench, Call& call) {
  const Bench::Writer writer = bench.begin_change(call.who() + ", federation renew");
  const auto facts = FederationFacts::read(bench.current());
  if (!facts) throw not_joined(bench);
  const RenewalNeed need = renewal_need(bench.current(), bench.appliance);
  const bool only_due = call.flag("due_only");
  if (need.defaults.empty() || (only_due && bench.now() < *need.next)) return nothing_due(need, bench);
  const std::vector<std::string> wanted = only_due ? need.renewable(bench.now()) : names_of(need);
  if (call.flag("dry_run")) return planned(bench, *facts, need, wanted, call);
  std::optional<AuthorityDesk> desk;
  if (bench.appliance.role != Role::secondary) desk.emplace(bench);
  const Material material =
      obtain(bench, desk ? &*desk : nullptr, need.defaults, wanted, certificates_in(bench.current(), roots_path));
  json reply = finish(bench, change::plan_renew(bench.current(), bench.appliance, material), call);
  reply["renewed"] = wanted;
  if (reply["outcome"] != "done") return reply;
  after_renewal(bench, desk ? &*desk : nullptr, material);
  return reply;
}

}  // namespace chancery::manager
