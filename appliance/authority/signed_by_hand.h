// What `authority sign` signed, as the register has it: whose it is and what followed from it by renewal.
//
//   LeafRequest order{…, .member = owner_of_key(key), .identity = "client"};
//   for (const HandSigned& each : signed_by_hand(store)) …
//
// The owner is "signed:" and 16 hex digits of the SHA-256 of the first key; no member has such a name. Thread safety:
// that of storage::Store.
#pragma once

#include "appliance/authority/register.h"

namespace chancery::authority {

[[nodiscard]] std::string owner_of_key(ByteView public_key_der);
[[nodiscard]] bool is_signed_by_hand(const std::string& member);

struct HandSigned {
  Issued issued;
  std::string issued_for;  // "authority sign, root (uid 0)", "renewal by 3fa2…"
};
// The newest first, at most `most`.
[[nodiscard]] std::vector<HandSigned> signed_by_hand(const storage::Store& store, int most = 10000);

// What still depends on one of these issuing CAs: the newest certificate of each owner, purpose and set of names, where
// it is under one of them and is neither revoked nor over. Its predecessors do not count: their holder has renewed.
[[nodiscard]] std::vector<Issued> signed_under(const storage::Store& store, const std::vector<Certificate>& issuing,
                                               Instant now);

// The certificate with this SHA-256 and all of the same owner that are not revoked yet; empty: none is left.
// Failure("unknown-certificate") for what was not signed by hand.
[[nodiscard]] std::vector<Certificate> revocable(const storage::Store& store, ByteView sha256);
int revoke_signed(storage::Store& store, ByteView sha256, Instant when);

}  // namespace chancery::authority
