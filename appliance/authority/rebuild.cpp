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
  });
  return done;
}

}  // namespace chancery::authority
