// The doctor on the federation: Customer Key, join, members that are silent.
#include "appliance/manager/authority_desk.h"
#include "appliance/manager/doctor.h"
#include "appliance/manager/federation_facts.h"
#include "appliance/manager/heartbeats.h"
#include "appliance/manager/renewal.h"
#include "appliance/manager/revocations.h"
#include "appliance/manager/rotation_follow.h"
#include "appliance/manager/standing.h"

namespace chancery::manager {
namespace {

constexpr const char* customer_key_path = "customer-key/customer.key";
constexpr std::size_t customer_key_size = 32;

void examine_customer_key(Examination& examination, Bench& bench) {
  const std::string check = "customer-key";
  const std::string hint = "bring it back from a backup set: chancery backup list; collectors are admitted by it";
  if (!bench.current().has(customer_key_path)) return examination.critical(check, "the Customer Key is missing", hint);
  const SecretBytes key = bench.current().read_secret(customer_key_path);
  if (key.size() != customer_key_size) return examination.critical(check, "the Customer Key is damaged", hint);
  if (bench.appliance.role != Role::secondary) {
    const SecretBytes handed_out = bench.state.read_secret("authority/customer.key", 4096);
    if (!secret_equal(view_of(key), view_of(handed_out))) {
      return examination.critical(check, "the authority hands out another Customer Key than the one in force here",
                                  "bring the right one back from a backup set: chancery backup list");
    }
  }
  examination.ok(check, "is there");
}

void examine_membership(Examination& examination, Bench& bench) {
  const auto facts = FederationFacts::read(bench.current());
  if (facts) {
    if (bench.state.status("secrets/join")) {
      return examination.warning("federation", "keys of a finished join are still there",
                                 "remove the folder " + bench.appliance.state + "/secrets/join");
    }
    return examination.ok("federation", "member of " + facts->federation + ", portal at " + facts->portal_host + ":" +
                                            std::to_string(facts->portal_port));
  }
  const std::string begun = bench.state.status("secrets/join") ? "a join was begun and not finished" : "has not joined";
  examination.warning("federation", begun + ": default certificates are self-signed, collectors cannot be admitted",
                      "make a token on the primary (chancery federation token), then chancery federation join here");
}

// Warnings come with the dates of each identity (30 days before they end); this line says what is going to happen.
void examine_renewal(Examination& examination, Bench& bench) {
  const RenewalNeed need = renewal_need(bench.current(), bench.appliance);
  if (!need.next) return examination.ok("renewal", "nothing here is renewed before the authority's own certificates");
  if (bench.now() < *need.next) return examination.ok("renewal", "the next one is due at " + to_rfc3339(*need.next));
  examination.ok("renewal",
                 "is due since " + to_rfc3339(*need.next) + "; chancery-manager tries until the primary answers");
}

void examine_revocations(Examination& examination, Bench& bench) {
  const RevocationLists lists = lists_in_force(bench.current());
  if (lists.empty()) return examination.ok("revocations", "none are known here");
  Instant end = lists.front().next_update();
  std::size_t count = 0;
  for (const RevocationList& list : lists) {
    end = std::min(end, list.next_update());
    count += list.serials().size();
  }
  if (bench.now() >= end) {
    return examination.warning("revocations", "the list ended at " + to_rfc3339(end),
                               "chancery-manager fetches it from the primary's authority: does it run, and is the "
                               "primary reachable?");
  }
  examination.ok("revocations",
                 std::to_string(count) + " certificates are revoked; the list is good until " + to_rfc3339(end));
}

// A rotation may take its time, but one that was forgotten keeps a root trusted that was to go.
void examine_rotation(Examination& examination, Bench& bench) {
  constexpr std::chrono::days long_time{30};
  const auto bulletin = followed_bulletin(bench.current());
  if (!bulletin || bulletin->phase == authority::Phase::steady) {
    return examination.ok("rotation", "the federation has one root");
  }
  const std::string phase =
      std::string("a rotation is ") + authority::to_text(bulletin->phase) + " since " + to_rfc3339(bulletin->since);
  if (bench.now() - bulletin->since < long_time) return examination.ok("rotation", phase);
  examination.warning("rotation", phase,
                      "bring it to its end on the primary: chancery federation rotate status --show-blockers");
}

void examine_members(Examination& examination, Bench& bench) {
  AuthorityDesk desk(bench);
  const std::map<std::string, Heartbeat> heard = heartbeats(bench.appliance.state);
  std::size_t others = 0;
  bool said = false;
  for (const federation::Member& member : desk.admission.members()) {
    // What concerns this appliance itself is said by the other checks.
    if (member.name == bench.appliance.name) continue;
    ++others;
    const auto found = heard.find(member.name);
    const Standing standing = standing_of(member, found == heard.end() ? nullptr : &found->second, bench.now());
    for (const Standing::Problem& problem : standing.problems) {
      said = true;
      examination.warning("member " + member.name,
                          problem.text + "; last heard of at " + to_rfc3339(standing.last_seen), problem.hint);
    }
  }
  if (said) return;
  const char* const noun = others == 1 ? " member" : " members";
  examination.ok("members", std::to_string(others) + noun + " besides this appliance");
}

}  // namespace

void examine_federation(Examination& examination, Bench& bench) {
  examination.attempt("federation", [&] { examine_membership(examination, bench); });
  if (!bench.appliance.federation.empty()) {
    examination.attempt("customer-key", [&] { examine_customer_key(examination, bench); });
    examination.attempt("revocations", [&] { examine_revocations(examination, bench); });
    examination.attempt("renewal", [&] { examine_renewal(examination, bench); });
    examination.attempt("rotation", [&] { examine_rotation(examination, bench); });
  }
  if (bench.appliance.role != Role::secondary) {
    examination.attempt("members", [&] { examine_members(examination, bench); });
  }
}

}  // namespace chancery::manager
