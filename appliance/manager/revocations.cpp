#include "appliance/manager/revocations.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "appliance/manager/authority_desk.h"
#include "appliance/manager/federation_facts.h"
#include "appliance/manager/knowledge.h"
#include "appliance/manager/verbs.h"
#include "keystore/bytes/text_encoding.h"

namespace chancery::manager {
namespace {

using nlohmann::json;

// Who may have signed: what this appliance knows of its federation, and what the authority has signed for.
void expect_signed(Bench& bench, const RevocationLists& lists, const std::optional<federation::Bulletin>& bulletin) {
  std::vector<Certificate> issuers = certificates_in(bench.current(), "trust/appliance/known.pem");
  std::vector<Certificate> roots = certificates_in(bench.current(), "trust/federation/roots.pem");
  if (const auto member = change::read_identity(bench.current(), "identities/member")) {
    issuers.insert(issuers.end(), member->intermediates.begin(), member->intermediates.end());
  }
  if (bulletin) {
    issuers.push_back(bulletin->issuing);
    if (bulletin->former_issuing) issuers.push_back(*bulletin->former_issuing);
    roots.insert(roots.end(), bulletin->roots.begin(), bulletin->roots.end());
  }
  const auto is_ours = [&](const Certificate& issuer) {
    return std::ranges::any_of(roots, [&](const Certificate& root) { return issuer.is_signed_by(root); });
  };
  for (const RevocationList& list : lists) {
    const bool is_signed = std::ranges::any_of(
        issuers, [&](const Certificate& issuer) { return list.is_signed_by(issuer) && is_ours(issuer); });
    if (is_signed) continue;
    throw Failure({.code = "bad-crl",
                   .subject = "revocation list",
                   .cause = "no issuing CA of this federation has signed it",
                   .hint = "look at the primary's authority: chancery doctor there"});
  }
}

const RevocationList* of_same_issuer(const RevocationLists& lists, const RevocationList& one) {
  const auto found = std::ranges::find_if(
      lists, [&](const RevocationList& each) { return each.authority_key_id() == one.authority_key_id(); });
  return found == lists.end() ? nullptr : &*found;
}

RevocationLists read_all(const std::vector<Bytes>& lists) {
  RevocationLists read;
  for (const Bytes& der : lists) read.push_back(RevocationList::from_der(der));
  return read;
}

// What is worth keeping of `candidate`.
RevocationLists kept(const RevocationLists& present, const RevocationLists& candidate) {
  RevocationLists lists;
  for (const RevocationList& list : candidate) {
    const RevocationList* before = of_same_issuer(present, list);
    if (before == nullptr && list.serials().empty()) continue;
    lists.push_back(before != nullptr && before->number() > list.number() ? *before : list);
  }
  return lists;
}

json certificates_json(const std::vector<Certificate>& certificates) {
  json all = json::array();
  for (const Certificate& certificate : certificates) all.push_back(preflight::to_json(certificate));
  return all;
}

}  // namespace

RevocationLists lists_in_force(const backup::Generation& generation) {
  if (!generation.has(RevocationList::path)) return {};
  return revocation_lists(generation.read(RevocationList::path));
}

RevocationLists lists_of_authority(Bench& bench) {
  AuthorityDesk desk(bench);
  RevocationLists lists = read_all(desk.authority.revocation_lists());
  expect_signed(bench, lists, federation::bulletin_of(desk.authority));
  return lists;
}

RevocationLists lists_in(Bench& bench, const federation::News& news) {
  RevocationLists lists = read_all(news.lists);
  expect_signed(bench, lists, news.bulletin);
  return lists;
}

bool lists_differ(const RevocationLists& present, const RevocationLists& candidate, Instant now) {
  const RevocationLists wanted = kept(present, candidate);
  if (wanted.size() != present.size()) return true;
  return std::ranges::any_of(wanted, [&](const RevocationList& list) {
    const RevocationList* before = of_same_issuer(present, list);
    if (before == nullptr) return true;
    if (list.number() <= before->number()) return false;
    const auto life = before->next_update() - before->this_update();
    return list.serials() != before->serials() || now >= before->this_update() + life * 2 / 3;
  });
}

change::Plan plan_revocations(Bench& bench, const RevocationLists& lists) {
  change::Plan plan;
  plan.reason = "revocations";
  plan.base = bench.current().number();
  plan.components = {"trust/federation"};
  std::string pem;
  for (const RevocationList& list : kept(lists_in_force(bench.current()), lists)) pem += list.to_pem();
  if (pem.empty()) {
    plan.edits[RevocationList::path] = std::nullopt;
  } else {
    change::put_file(plan.edits, bench.appliance, RevocationList::path, view_of(pem));
  }
  return plan;
}

json federation_remove(Bench& bench, Call& call) {
  const std::string name = call.text("name");
  const Bench::Writer writer = bench.begin_change(call.who() + ", federation remove " + name);
  AuthorityDesk desk(bench);
  const std::vector<Certificate> revoked = desk.admission.removable(name);
  if (call.flag("dry_run")) {
    json files = authority_files(bench, {});
    files.push_back(
        {{"path", RevocationList::path}, {"change", bench.current().has(RevocationList::path) ? "change" : "add"}});
    return {{"outcome", "planned"},
            {"plan", {{"member", name}, {"revokes", certificates_json(revoked)}, {"files", std::move(files)}}}};
  }
  const int count = desk.admission.remove(name);
  const RevocationLists lists = lists_of_authority(bench);
  // Nothing is left to revoke where an earlier attempt was cut short after the register: the programs learn it now.
  json reply{{"outcome", "unchanged"}, {"generation", bench.current().number()}};
  try {
    if (lists_differ(lists_in_force(bench.current()), lists, bench.now())) {
      reply = finish(bench, plan_revocations(bench, lists), call);
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
