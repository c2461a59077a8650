#include "appliance/authority/rebuild.h"

namespace chancery::authority {

AfterRebuild after_rebuild(storage::Store& store, Instant now) {
  AfterRebuild done;
  const std::int64_t seconds = now.time_since_epoch().count();
  done.revocation_list_number = seconds;
  store.write([&] {
    done.tokens_revoked =
        store.run("UPDATE tokens SET revoked = ? WHERE revoked IS NULL AND used_digest IS NULL", {seconds});
    store.run("UPDATE revocation_lists SET number = ? WHERE number < ?", {seconds, seconds});
    store.run("UPDATE revocation_lists SET renew_at = 0");
    // The first list may have been made since the backup. An empty one that is due is never handed out.
    if (store.rows("SELECT number FROM revocation_lists WHERE issuer = ?", {std::string("issuing")}).empty()) {
      store.run("INSERT INTO revocation_lists (issuer, number, der, renew_at) VALUES (?, ?, ?, ?)",
                {std::string("issuing"), seconds, Bytes{}, std::int64_t{0}});
    }
  });
  return done;
}

}  // namespace chancery::authority
