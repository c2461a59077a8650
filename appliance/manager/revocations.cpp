#include "appliance/manager/revocations.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "appliance/federation/renewal.h"
#include "appliance/manager/authority_desk.h"
#include "appliance/manager/federation_facts.h"
#include "appliance/manager/knowledge.h"
#include "appliance/manager/verbs.h"
#include "keystore/bytes/text_encoding.h"

namespace chancery::manager {
namespace {

using nlohmann::json;

Bytes der_of_authority(Bench& bench, const FederationFacts& facts) {
  if (bench.appliance.role != Role::secondary) return AuthorityDesk(bench).authority.revocation_list();
  Sha256 pin{};
  const Bytes known = from_hex(facts.authority_pin);
  std::copy_n(known.begin(), std::min(known.size(), pin.size()), pin.begin());
  return federation::fetch_revocation_list({.host = facts.authority_host, .port = facts.authority_port, .name = {}},
                                           pin);
}

void expect_signed(Bench& bench, const RevocationList& list) {
  std::vector<Certificate> issuers = certificates_in(bench.current(), "trust/appliance/known.pem");
  if (const auto member = change::read_identity(bench.current(), "identities/member")) {
    issuers.insert(issuers.end(), member->intermediates.begin(), member->intermediates.end());
  }
  const auto roots = certificates_in(bench.current(), "trust/federation/roots.pem");
  for (const Certificate& issuer : issuers) {
    const bool is_ours = std::ranges::any_of(roots, [&](const Certificate& root) { return issuer.is_signed_by(root); });
    if (is_ours && list.is_signed_by(issuer)) return;
  }
  throw Failure({.code = "bad-crl",
                 .subject = "revocation list",
                 .cause = "no issuing CA of this federation has signed it",
                 .hint = "look at the primary's authority: chancery doctor there"});
}

json certificates_json(const std::vector<Certificate>& certificates) {
  json all = json::array();
  for (const Certificate& certificate : certificates) all.push_back(preflight::to_json(certificate));
  return all;
}

}  // namespace

std::optional<RevocationList> list_in_force(const backup::Generation& generation) {
  if (!generation.has(RevocationList::path)) return std::nullopt;
  return RevocationList::from_pem(generation.read(RevocationList::path));
}

std::optional<RevocationList> list_of_authority(Bench& bench) {
  const auto facts = FederationFacts::read(bench.current());
  if (!facts) return std::nullopt;
  RevocationList list = RevocationList::from_der(der_of_authority(bench, *facts));
  expect_signed(bench, list);
  return list;
}

bool is_newer(const std::optional<RevocationList>& present, const RevocationList& candidate, Instant now) {
  // Where nothing was ever revoked there is no list to keep fresh.
  if (!present) return !candidate.serials().empty();
  if (candidate.number() <= present->number()) return false;
  const auto life = present->next_update() - present->this_update();
  return candidate.serials() != present->serials() || now >= present->this_update() + life * 2 / 3;
}

change::Plan plan_revocations(Bench& bench, const RevocationList& list) {
  change::Plan plan;
  plan.reason = "revocations";
  plan.base = bench.current().number();
  plan.components = {"trust/federation"};
  change::put_file(plan.edits, bench.appliance, RevocationList::path, view_of(list.to_pem()));
  return plan;
}

json federation_remove(Bench& bench, Call& call) {
  const std::string name = call.text("name");
  const Bench::Writer writer = bench.begin_change(call.who() + ", federation remove " + name);
  AuthorityDesk desk(bench);
  const std::vector<Certificate> revoked = desk.admission.removable(name);
  if (call.flag("dry_run")) {
    json files = authority_files({});
    files.push_back(
        {{"path", RevocationList::path}, {"change", bench.current().has(RevocationList::path) ? "change" : "add"}});
    return {{"outcome", "planned"},
            {"plan", {{"member", name}, {"revokes", certificates_json(revoked)}, {"files", std::move(files)}}}};
  }
  const int count = desk.admission.remove(name);
  const auto list = list_of_authority(bench);
  // Nothing is left to revoke where an earlier attempt was cut short after the register: the programs learn it now.
  json reply{{"outcome", "unchanged"}, {"generation", bench.current().number()}};
  try {
    if (list && is_newer(list_in_force(bench.current()), *list, bench.now())) {
      reply = finish(bench, plan_revocations(bench, *list), call);
    }
  } catch (const Failure& failure) {
    // What the register says is not taken back: the next look of the manager, or the same command, tells the programs.
    throw Failure(
        {.code = failure.code(),
         .subject = failure.subject(),
         .cause = failure.cause() + " (" + name + " is revoked in the register, but programs here still take it)",
         .hint = failure.hint() + "; then run the same command again, or wait for chancery-manager to do it",
         .needs_person = failure.needs_person()});
  }
  reply["member"] = name;
  reply["revoked"] = certificates_json(revoked);
  if (count > 0) reply["outcome"] = "done";
  return reply;
}

}  // namespace chancery::manager
