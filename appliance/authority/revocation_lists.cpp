// The lists of revocations, each signed by the issuing CA whose certificates it is about.
#include <algorithm>

#include "appliance/authority/authority_state.h"
#include "keystore/fault.h"
#include "keystore/x509/der.h"

namespace chancery::authority {
namespace {

constexpr std::chrono::hours revocation_list_validity{24 * 30};

}  // namespace

Bytes Authority::State::list_of(const Issuer& signer, const PrivateKey& key, const std::string& kind) {
  const auto present = [&]() -> std::optional<Bytes> {
    const auto rows = store.rows("SELECT der, renew_at FROM revocation_lists WHERE issuer = ?", {kind});
    if (rows.empty() || seconds_of(clock()) >= rows.front().integer(1)) return std::nullopt;
    return rows.front().blob(0);
  };
  if (auto list = present()) return std::move(*list);
  Bytes made;
  const auto sign = [&] {
    // Another process may have made it meanwhile.
    if (auto list = present()) {
      made = std::move(*list);
      return;
    }
    const Instant now = clock();
    const auto last = store.rows("SELECT number FROM revocation_lists WHERE issuer = ?", {kind});
    const std::int64_t number = last.empty() ? 1 : last.front().integer(0) + 1;
    RevocationListParts parts{.issuer = signer.name,
                              .authority_key_id = signer.key_id,
                              .number = static_cast<std::uint32_t>(number),
                              .this_update = now - backdating,
                              .next_update = now + revocation_list_validity,
                              .revoked = {}};
    for (const auto& row : store.rows(
             "SELECT serial, revoked, der FROM certificates WHERE revoked IS NOT NULL AND not_after > ? ORDER BY id",
             {seconds_of(now - revocation_list_validity)})) {
      const Bytes der = row.blob(2);
      const auto outline = chancery::der::outline_of(der);
      if (!outline || !std::ranges::equal(outline->issuer, signer.name)) continue;
      parts.revoked.push_back({.serial = row.blob(0), .when = instant_of(row.integer(1))});
    }
    made = write_revocation_list(key, parts);
    store.run("DELETE FROM revocation_lists WHERE issuer = ?", {kind});
    store.run("INSERT INTO revocation_lists (issuer, number, der, renew_at) VALUES (?, ?, ?, ?)",
              {kind, number, made, seconds_of(now + revocation_list_validity * 2 / 3)});
  };
  try {
    store.write(sign);
  } catch (const Failure& failure) {
    // Where another primary issues, this one hands out what was signed last.
    const auto last = failure.code() == "not-the-issuer"
                          ? store.rows("SELECT der FROM revocation_lists WHERE issuer = ?", {kind})
                          : std::vector<storage::Row>{};
    if (last.empty()) throw;
    made = last.front().blob(0);
  }
  return made;
}

Bytes Authority::revocation_list() {
  const auto lock = state_->store.hold();
  state_->refresh();
  return state_->list_of(state_->issuer, state_->issuing_key, "issuing");
}

std::vector<Bytes> Authority::revocation_lists() {
  std::vector<Bytes> lists{revocation_list()};
  const auto lock = state_->store.hold();
  if (const auto former = in_force(state_->store, "former-issuing")) {
    const PrivateKey key = issuing_key_of(state_->folder, former->certificate);
    lists.push_back(state_->list_of(issuer_from(*former), key, "former-issuing"));
  }
  return lists;
}

}  // namespace chancery::authority
