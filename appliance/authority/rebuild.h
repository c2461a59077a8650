// What an authority that came back from a backup must not do again: take a token that may have been used since, and sign a
// list of revocations under a number that was used already.
//
//   static_cast<void>(Authority::open(folder, clock).revocation_list());      // so that there is one
//   AfterRebuild done = after_rebuild(*open_register(folder), now);
//
// Open tokens are revoked. The list of revocations goes on being served as it was signed, under its old number, so that
// members keep the newer one that they may have; the next one's number is the time in seconds: higher than any before as
// long as no list was made every second, after a second rebuild as well. Serial numbers are random (64 bits and more) and
// need nothing. Not brought back: what was issued, revoked and joined since the backup. Thread safety: the store's.
#pragma once

#include "appliance/storage/store.h"
#include "keystore/x509/instant.h"

namespace chancery::authority {

struct AfterRebuild {
  int tokens_revoked = 0;
  std::int64_t revocation_list_number = 0;  // the one before the next
};
[[nodiscard]] AfterRebuild after_rebuild(storage::Store& store, Instant now);

}  // namespace chancery::authority
