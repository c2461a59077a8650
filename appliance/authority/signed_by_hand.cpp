#include "appliance/authority/signed_by_hand.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "keystore/bytes/text_encoding.h"
#include "keystore/fault.h"
#include "keystore/openssl/digest.h"

namespace chancery::authority {
namespace {

constexpr std::string_view owner_prefix = "signed:";

Issued known(const storage::Store& store, ByteView sha256) {
  std::optional<Issued> issued = find_issued(store, sha256);
  if (issued && is_signed_by_hand(issued->member)) return std::move(*issued);
  throw Failure(
      {.code = "unknown-certificate",
       .subject = to_hex(sha256),
       .cause = issued ? "this is a certificate of the federation's own, not one that was signed by hand"
                       : "the authority never issued a certificate with this SHA-256",
       .hint = issued ? "members are removed whole: chancery federation remove NAME" : "see chancery authority list"});
}

}  // namespace

std::string owner_of_key(ByteView public_key_der) {
  constexpr std::size_t digits = 16;
  return std::string(owner_prefix) + to_hex(sha256(public_key_der)).substr(0, digits);
}

bool is_signed_by_hand(const std::string& member) { return member.starts_with(owner_prefix); }

std::vector<HandSigned> signed_by_hand(const storage::Store& store, int most) {
  std::vector<HandSigned> all;
  for (const auto& row : store.rows("SELECT sha256, issued_for FROM certificates WHERE member LIKE 'signed:%' "
                                    "ORDER BY id DESC LIMIT " +
                                    std::to_string(most))) {
    all.push_back({*find_issued(store, row.blob(0)), row.text(1)});
  }
  return all;
}

std::vector<Issued> signed_under(const storage::Store& store, const std::vector<Certificate>& issuing, Instant now) {
  std::vector<Issued> found;
  std::set<std::tuple<std::string, std::string, std::string>> seen;
  for (const auto& row :
       store.rows("SELECT der, kind, issued_at, member, coalesce(identity, ''), names FROM certificates "
                  "WHERE member LIKE 'signed:%' AND revoked IS NULL AND not_after > ? ORDER BY id DESC",
                  {seconds_of(now)})) {
    if (!seen.emplace(row.text(3), row.text(1), row.text(5)).second) continue;
    Certificate certificate = Certificate::from_der(row.blob(0));
    const bool is_under = std::ranges::any_of(issuing, [&](const Certificate& each) {
      return certificate.issuer_der() == each.subject_der() && certificate.authority_key_id() == each.subject_key_id();
    });
    if (!is_under) continue;
    found.push_back({.certificate = std::move(certificate),
                     .kind = row.text(1),
                     .issued_at = instant_of(row.integer(2)),
                     .member = row.text(3),
                     .identity = row.text(4),
                     .revoked = std::nullopt});
  }
  return found;
}

std::vector<Certificate> revocable(const storage::Store& store, ByteView sha256) {
  std::vector<Certificate> certificates;
  for (const Issued& each : issued_to(store, known(store, sha256).member)) {
    if (!each.revoked) certificates.push_back(each.certificate);
  }
  return certificates;
}

int revoke_signed(storage::Store& store, ByteView sha256, Instant when) {
  int count = 0;
  store.write([&] { count = revoke_all(store, known(store, sha256).member, when); });
  return count;
}

}  // namespace chancery::authority
