// What was signed by hand: listed, and taken back.
#include <nlohmann/json.hpp>

#include "appliance/authority/signed_by_hand.h"
#include "appliance/manager/authority_desk.h"
#include "appliance/manager/revocations.h"
#include "appliance/manager/verbs.h"
#include "keystore/bytes/text_encoding.h"

namespace chancery::manager {
namespace {

using nlohmann::json;

const char* state_of(const authority::Issued& issued, Instant now) {
  if (issued.revoked) return "revoked";
  return now < issued.certificate.not_after() ? "good" : "expired";
}

json all_json(const std::vector<Certificate>& certificates) {
  json all = json::array();
  for (const Certificate& certificate : certificates) all.push_back(preflight::to_json(certificate));
  return all;
}

Bytes fingerprint_in(const Call& call) {
  std::string text = call.text("sha256");
  std::erase(text, ':');
  constexpr std::size_t digits = 64;
  const bool is_hex = text.size() == digits && text.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
  if (is_hex) return from_hex(text);
  throw bad_argument(
      "sha256", "is not the SHA-256 of a certificate",
      "give the 64 hex digits that chancery authority list --json or `openssl x509 -fingerprint -sha256` "
      "shows");
}

}  // namespace

json authority_list(Bench& bench, Call&) {
  AuthorityDesk desk(bench);
  json all = json::array();
  for (const authority::HandSigned& each : authority::signed_by_hand(desk.authority.store())) {
    all.push_back({{"owner", each.issued.member},
                   {"purpose", each.issued.kind},
                   {"state", state_of(each.issued, bench.now())},
                   {"issued", to_rfc3339(each.issued.issued_at)},
                   {"issued_for", each.issued_for},
                   {"revoked", each.issued.revoked ? json(to_rfc3339(*each.issued.revoked)) : json(nullptr)},
                   {"certificate", preflight::to_json(each.issued.certificate)}});
  }
  return {{"certificates", std::move(all)}};
}

json authority_revoke(Bench& bench, Call& call) {
  const Bytes sha256 = fingerprint_in(call);
  const Bench::Writer writer = bench.begin_change(call.who() + ", authority revoke");
  AuthorityDesk desk(bench);
  const std::vector<Certificate> revoked = authority::revocable(desk.authority.store(), sha256);
  if (call.flag("dry_run")) {
    json files = authority_files(bench, {});
    files.push_back(
        {{"path", RevocationList::path}, {"change", bench.current().has(RevocationList::path) ? "change" : "add"}});
    return {{"outcome", "planned"}, {"plan", {{"revokes", all_json(revoked)}, {"files", std::move(files)}}}};
  }
  const int count = authority::revoke_signed(desk.authority.store(), sha256, bench.now());
  const RevocationLists lists = lists_of_authority(bench);
  json reply{{"outcome", "unchanged"}, {"generation", bench.current().number()}};
  if (lists_differ(lists_in_force(bench.current()), lists, bench.now())) {
    reply = finish(bench, plan_revocations(bench, lists), call);
  }
  reply["revoked"] = all_json(revoked);
  if (count > 0) reply["outcome"] = "done";
  return reply;
}

}  // namespace chancery::manager
